"""One client's connection: wraps aiohttp's protocol and adds timeouts for the head, the body and slow readers.

aiohttp has no timeout for a request head or body, and none for a client that does not read. This is a wrapper rather
than a subclass, so it uses nothing private of aiohttp: it sees the bytes that arrive, the state of the transport, and,
from the outermost middleware, when a request starts and ends.
"""

from __future__ import annotations

import asyncio
import socket
import sys
from collections.abc import Callable
from typing import Protocol, cast

from aiohttp import web

from httpd.client_timeouts import ConnectionSnapshot, Phase
from kernel.http.problem import problem_document

_BYTES_ACKED = 120
"""Offset of the acknowledged bytes in `struct tcp_info` (Linux 4.6 and newer)."""
GRACE_SECONDS = 2.0
"""Time for the 408 after a late body; then the connection is reset."""
LATE_HEAD = (
    b"HTTP/1.1 408 Request Timeout\r\nConnection: close\r\nContent-Type: application/problem+json\r\n"
    b"Content-Length: %d\r\n\r\n%s"
)
LATE_HEAD_BODY = problem_document(408, "head-timeout", "The head of the request did not arrive in time.")


class Door(Protocol):
    """The listener that accepted a connection: its clock and its limits."""

    def now(self) -> float:
        """Monotonic seconds."""

    def admits(self, connection: Connection, address: str) -> bool:
        """Whether to admit a new connection."""

    def on_admitted(self, connection: Connection) -> None:
        """The connection has its aiohttp protocol now."""

    def on_lost(self, connection: Connection) -> None:
        """The connection was closed."""


def acknowledged_bytes(transport: asyncio.Transport) -> int:
    """A number that grows whenever the client acknowledges bytes; where the kernel does not tell, minus the number of
    unsent bytes."""
    sock = transport.get_extra_info("socket")
    if sys.platform != "linux" or sock is None or sock.fileno() < 0:
        return -transport.get_write_buffer_size()
    info = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _BYTES_ACKED + 8)
    return int.from_bytes(info[_BYTES_ACKED:], sys.byteorder)


class Connection(asyncio.Protocol):
    """See the module. `make` creates aiohttp's protocol once the connection is admitted."""

    def __init__(self, door: Door, make: Callable[[], web.RequestHandler]) -> None:
        self.transport: asyncio.Transport | None = None
        self.inner: web.RequestHandler | None = None
        self._door = door
        self._make = make
        self._phase = Phase.WAITING
        self._request: web.BaseRequest | None = None
        self._served = self._next_started = False
        self._since = self._reading_since = 0.0
        self._reading = 0.0
        self._body_bytes = 0
        self._acknowledged = 0
        self._acknowledged_at: float | None = None
        self.late_at: float | None = None

    # -- from the transport ------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Admit it, or reset it at once."""
        self.transport = cast("asyncio.Transport", transport)
        self._since = self._door.now()
        peer = transport.get_extra_info("peername")
        if not self._door.admits(self, str(peer[0]) if peer else ""):
            self.transport.abort()
            return
        self.inner = self._make()
        self._door.on_admitted(self)
        self.inner.connection_made(transport)

    def data_received(self, data: bytes) -> None:
        """Bytes of a head, of a body, or of a pipelined request."""
        now = self._door.now()
        if self._request is None:
            if self._phase is Phase.WAITING:
                self._phase, self._since = Phase.HEAD, now
        elif self._request.content.is_eof():
            self._next_started = True
        else:
            self._body_bytes += len(data)
            self._since = now
        if self.inner is not None:
            self.inner.data_received(data)

    def eof_received(self) -> None:
        """The client closed its side: the transport closes, as aiohttp does."""
        if self.inner is not None:
            self.inner.eof_received()

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell the listener and aiohttp."""
        self._door.on_lost(self)
        if self.inner is not None:
            self.inner.connection_lost(exc)
        self._request = None

    def pause_writing(self) -> None:
        """Tell aiohttp."""
        if self.inner is not None:
            self.inner.pause_writing()

    def resume_writing(self) -> None:
        """Tell aiohttp."""
        if self.inner is not None:
            self.inner.resume_writing()

    # -- from the listener -----------------------------------------------------------------------------------------

    def on_request_start(self, request: web.BaseRequest) -> None:
        """The head of a request is complete and its handler starts."""
        self._request = request
        self._phase = Phase.RUNNING
        self._next_started = False
        self._since = self._door.now()
        self._reading, self._body_bytes = 0.0, 0
        self._reading_since = self._since

    def on_request_end(self) -> None:
        """The handler returned; unsent bytes of the response are in the transport."""
        self._request = None
        self._served = True
        self._phase = Phase.HEAD if self._next_started else Phase.WAITING
        self._since = self._door.now()

    def snapshot(self) -> ConnectionSnapshot:
        """The state of the connection now."""
        now = self._door.now()
        unread = self._unread(now)
        if self._request is None:
            if unread is not None:
                self._since = now  # the idle time starts when the response is sent
            return ConnectionSnapshot(self._phase, now - self._since, self._served, unread=unread)
        if self._request.content.is_eof():
            return ConnectionSnapshot(Phase.RUNNING, 0.0, unread=unread)
        if self.transport is not None and self.transport.is_reading():
            self._reading += now - self._reading_since
        else:
            self._since = now  # backpressure: it is we who do not read
        self._reading_since = now
        return ConnectionSnapshot(Phase.BODY, now - self._since, self._served, self._reading, self._body_bytes, unread)

    def _unread(self, now: float) -> float | None:
        """Seconds since the client last acknowledged a byte; None if nothing waits to be sent."""
        transport = self.transport
        if transport is None or not transport.get_write_buffer_size():
            self._acknowledged_at = None
            return None
        acknowledged = acknowledged_bytes(transport)
        if self._acknowledged_at is None or acknowledged != self._acknowledged:
            self._acknowledged, self._acknowledged_at = acknowledged, now
        return now - self._acknowledged_at

    def answer_late_head(self) -> None:
        """Answer 408 and close."""
        if self.transport is not None:
            self.transport.write(LATE_HEAD % (len(LATE_HEAD_BODY), LATE_HEAD_BODY))
            self.transport.close()

    def answer_late_body(self) -> None:
        """Raise 408 in the handler that reads the body; reset the connection if the handler goes on regardless."""
        now = self._door.now()
        if self.late_at is None:
            self.late_at = now
            if self._request is not None:
                self._request.content.set_exception(web.HTTPRequestTimeout())
        elif now - self.late_at > GRACE_SECONDS:
            self.abort()

    def close(self) -> None:
        """Close it without a response."""
        if self.transport is not None:
            self.transport.close()

    def abort(self) -> None:
        """Reset it, whatever is running."""
        if self.transport is not None:
            self.transport.abort()
