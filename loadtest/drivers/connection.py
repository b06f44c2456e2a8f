"""One connection of a virtual viewer: sends a request, counts the response, reads no faster than the viewer's line."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from typing import Any, cast

from loadtest.drivers.http1 import BrokenResponse, Endpoint, ResponseReader
from loadtest.drivers.line import Line
from loadtest.player.requests import Fetch
from loadtest.session import Failure

READ_BUFFER = 256 << 10
PACED_RECEIVE_BUFFER = 32 << 10


class Connection(asyncio.BufferedProtocol):
    """Carries one request at a time. All connections of a loop read into one buffer: nothing read is kept there."""

    shared = memoryview(bytearray(READ_BUFFER))

    def __init__(
        self, endpoint: Endpoint, line: Line, clock: Callable[[], float], loop: asyncio.AbstractEventLoop
    ) -> None:
        self.endpoint = endpoint
        self.is_open = False
        self.uses = 0
        self._line = line
        self._limited = line.is_limited
        self._clock = clock
        self._loop = loop
        self._transport: asyncio.Transport | None = None
        self._reader = ResponseReader()
        self._exchange: Exchange | None = None
        self._resume: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ready."""
        self._transport = cast("asyncio.Transport", transport)
        self.is_open = True
        if self._limited:
            # What the kernel buffers arrives faster than the line: keep that little.
            transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, PACED_RECEIVE_BUFFER)

    def get_buffer(self, _: int) -> Any:
        """Where to read to; smaller on a slow line, so that connections share it evenly."""
        if not self._limited:
            return self.shared
        return self.shared[: self._line.read_size(self._clock(), READ_BUFFER)]

    def buffer_updated(self, nbytes: int) -> None:
        """Bytes have come."""
        exchange = self._exchange
        if exchange is None:
            # Bytes that nobody asked for: the connection is of no use any more.
            self.close()
            return
        now = self._clock()
        data = self.shared[:nbytes]
        reader = self._reader
        try:
            had_head = reader.has_head
            reader.feed(data)
        except BrokenResponse as error:
            self._fail(Failure.PROTOCOL, str(error))
            return
        if reader.has_head and not had_head:
            exchange.on_head(reader, now)
        exchange.on_progress(reader.size, now)
        wait_s = self._line.wait_after(nbytes, now) if self._limited else 0.0
        if reader.is_done:
            self._finish(wait_s)
        elif wait_s and self._transport is not None:
            self._transport.pause_reading()
            self._resume = self._loop.call_later(wait_s, self._resume_reading)

    def _resume_reading(self) -> None:
        self._resume = None
        if self._transport is not None and not self._transport.is_closing():
            self._transport.resume_reading()

    def _finish(self, wait_s: float) -> None:
        if wait_s:
            # The line has not delivered the last bytes yet.
            self._resume = self._loop.call_later(wait_s, self._finish, 0.0)
            return
        self._resume = None
        exchange, self._exchange = self._exchange, None
        if not self._reader.can_reuse:
            self.close()
        if exchange is not None:
            exchange.on_done(self._reader)

    def eof_received(self) -> bool:
        """The server sends no more."""
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        """Closed; a response without a length is complete by that."""
        self.is_open = False
        self._transport = None
        if self._exchange is None or self._reader.is_done:
            return
        if exc is None and self._reader.feed_end():
            self._finish(0.0)
        else:
            self._fail(Failure.TRUNCATED if self._reader.has_head else Failure.CONNECT, str(exc or "closed"))

    def _fail(self, failure: Failure, detail: str) -> None:
        exchange, self._exchange = self._exchange, None
        self.close()
        if exchange is not None:
            exchange.on_failed(failure, detail)

    def send(self, exchange: Exchange, data: bytes, *, keeps_body: bool) -> None:
        """Begin a request."""
        self.uses += 1
        self._exchange = exchange
        self._reader.begin(keeps_body=keeps_body, on_body=exchange.on_body)
        if self._transport is None:
            self._fail(Failure.CONNECT, "closed")
            return
        self._transport.write(data)

    def close(self) -> None:
        """End the connection; a running request is forgotten, not answered."""
        self._exchange = None
        self.is_open = False
        if self._resume is not None:
            self._resume.cancel()
            self._resume = None
        if self._transport is not None:
            self._transport.abort()


class Exchange:
    """One request on a connection, with what to call as its response arrives."""

    __slots__ = ("fetch", "on_body", "on_done", "on_failed", "on_first_byte")

    def __init__(
        self,
        fetch: Fetch,
        on_first_byte: Callable[[Fetch, float], None],
        on_done: Callable[[ResponseReader], None],
        on_failed: Callable[[Failure, str], None],
        on_body: Callable[[memoryview], None] | None = None,
    ) -> None:
        self.fetch = fetch
        self.on_first_byte = on_first_byte
        self.on_done = on_done
        self.on_failed = on_failed
        self.on_body = on_body

    def on_head(self, reader: ResponseReader, now: float) -> None:
        """The head has arrived."""
        self.fetch.size = reader.length
        self.on_first_byte(self.fetch, now)

    def on_progress(self, loaded: int, _: float) -> None:
        """So many bytes of the body have arrived."""
        self.fetch.loaded = loaded
