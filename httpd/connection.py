"""One client's connection at a door: aiohttp's protocol inside, watched from outside.

aiohttp bounds neither the time to a head nor to a body, and knows no client that takes nothing. The watch stands round
its protocol instead of in a subclass, so that nothing private of it is touched: it sees the bytes that come, the
transport's state, and, by the door's outermost middleware, when a request begins and ends.
"""

from __future__ import annotations

import asyncio
import socket
import sys
from collections.abc import Callable
from typing import Protocol, cast

from aiohttp import web

from httpd.client_timeouts import Look, Phase

_BYTES_ACKED = 120
"""Where `struct tcp_info` (Linux 4.6 and newer) has the number of bytes that the other side has acknowledged."""
GRACE_SECONDS = 2.0
"""So long a late body's 408 may take; then the connection is cut."""
LATE_HEAD = (
    b"HTTP/1.1 408 Request Timeout\r\nConnection: close\r\nContent-Type: application/problem+json\r\n"
    b"Content-Length: %d\r\n\r\n%s"
)
LATE_HEAD_BODY = (
    b'{"type":"about:blank","title":"Request Timeout","status":408,"reason":"head-timeout",'
    b'"detail":"the head of the request did not come in time"}'
)


class Door(Protocol):
    """The door that a connection belongs to: the clock, and who may stay."""

    def now(self) -> float:
        """Monotonic seconds."""

    def admits(self, connection: Connection, address: str) -> bool:
        """Whether a new connection may stay."""

    def joined(self, connection: Connection) -> None:
        """The connection has its aiohttp protocol."""

    def lost(self, connection: Connection) -> None:
        """The connection is gone."""


def bytes_taken(transport: asyncio.Transport) -> int:
    """A number that grows whenever the client takes something; the unsent bytes, negative, where the kernel does not
    say it."""
    sock = transport.get_extra_info("socket")
    if sys.platform != "linux" or sock is None or sock.fileno() < 0:
        return -transport.get_write_buffer_size()
    told = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _BYTES_ACKED + 8)
    return int.from_bytes(told[_BYTES_ACKED:], sys.byteorder)


class Connection(asyncio.Protocol):
    """See the module. `make` makes aiohttp's protocol for it, once it is let in."""

    def __init__(self, door: Door, make: Callable[[], web.RequestHandler]) -> None:
        self.transport: asyncio.Transport | None = None
        self.inner: web.RequestHandler | None = None
        self._door = door
        self._make = make
        self._phase = Phase.WAITING
        self._request: web.BaseRequest | None = None
        self._served = self._next_begun = False
        self._since = self._reading_since = 0.0
        self._reading = 0.0
        self._body_bytes = 0
        self._taken = 0
        self._taken_at: float | None = None
        self.late_at: float | None = None

    # -- from the transport ------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Let in, or cut at once."""
        self.transport = cast("asyncio.Transport", transport)
        self._since = self._door.now()
        peer = transport.get_extra_info("peername")
        if not self._door.admits(self, str(peer[0]) if peer else ""):
            self.transport.abort()
            return
        self.inner = self._make()
        self._door.joined(self)
        self.inner.connection_made(transport)

    def data_received(self, data: bytes) -> None:
        """Bytes of a head, of a body, or of the request after the one that runs."""
        now = self._door.now()
        if self._request is None:
            if self._phase is Phase.WAITING:
                self._phase, self._since = Phase.HEAD, now
        elif self._request.content.is_eof():
            self._next_begun = True
        else:
            self._body_bytes += len(data)
            self._since = now
        if self.inner is not None:
            self.inner.data_received(data)

    def eof_received(self) -> None:
        """The client says no more: the transport closes, as aiohttp has it."""
        if self.inner is not None:
            self.inner.eof_received()

    def connection_lost(self, exc: Exception | None) -> None:
        """Gone."""
        self._door.lost(self)
        if self.inner is not None:
            self.inner.connection_lost(exc)
        self._request = None

    def pause_writing(self) -> None:
        """Passed on."""
        if self.inner is not None:
            self.inner.pause_writing()

    def resume_writing(self) -> None:
        """Passed on."""
        if self.inner is not None:
            self.inner.resume_writing()

    # -- from the door -----------------------------------------------------------------------------------------

    def begins(self, request: web.BaseRequest) -> None:
        """The head of a request is whole: it runs."""
        self._request = request
        self._phase = Phase.RUNNING
        self._next_begun = False
        self._since = self._door.now()
        self._reading, self._body_bytes = 0.0, 0
        self._reading_since = self._since

    def ends(self) -> None:
        """Its answer is made; what of it is not sent yet the transport shows."""
        self._request = None
        self._served = True
        self._phase = Phase.HEAD if self._next_begun else Phase.WAITING
        self._since = self._door.now()

    def look(self) -> Look:
        """How it stands now."""
        now = self._door.now()
        untaken = self._untaken(now)
        if self._request is None:
            if untaken is not None:
                self._since = now  # the time to the next request begins when the answer is out
            return Look(self._phase, now - self._since, self._served, untaken=untaken)
        if self._request.content.is_eof():
            return Look(Phase.RUNNING, 0.0, untaken=untaken)
        if self.transport is not None and self.transport.is_reading():
            self._reading += now - self._reading_since
        else:
            self._since = now  # it is we who take nothing
        self._reading_since = now
        return Look(Phase.BODY, now - self._since, self._served, self._reading, self._body_bytes, untaken)

    def _untaken(self, now: float) -> float | None:
        """Seconds since the client took something of what waits for it."""
        transport = self.transport
        if transport is None or not transport.get_write_buffer_size():
            self._taken_at = None
            return None
        taken = bytes_taken(transport)
        if self._taken_at is None or taken != self._taken:
            self._taken, self._taken_at = taken, now
        return now - self._taken_at

    def answer_late_head(self) -> None:
        """408, and that is all."""
        if self.transport is not None:
            self.transport.write(LATE_HEAD % (len(LATE_HEAD_BODY), LATE_HEAD_BODY))
            self.transport.close()

    def answer_late_body(self) -> None:
        """Whoever reads the body meets the 408 that becomes the answer; a handler that goes on regardless is cut."""
        now = self._door.now()
        if self.late_at is None:
            self.late_at = now
            if self._request is not None:
                self._request.content.set_exception(web.HTTPRequestTimeout())
        elif now - self.late_at > GRACE_SECONDS:
            self.cut()

    def close(self) -> None:
        """Closed without a word."""
        if self.transport is not None:
            self.transport.close()

    def cut(self) -> None:
        """Cut, whatever is under way."""
        if self.transport is not None:
            self.transport.abort()
