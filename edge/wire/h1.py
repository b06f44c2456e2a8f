"""HTTP/1.1 from viewers: bytes to Requests, one at a time and in order, whatever is pipelined (RFC 9112).

The connection calls `handle(request, connection)` for each request; the handler writes a response to `transport` and
calls `done()`, at once or later. Until then further requests wait in line; when many do, the socket is read no further.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Protocol, cast

import httptools

from edge.grant import Grant
from edge.locate import Viewer
from edge.wire.known_heads import VERSION, learn
from edge.wire.request import Malformed, Request
from edge.wire.request_reader import MOST_AT_ONCE, Limits, RequestReader, complaint
from edge.wire.sending import BodySender

NOBODY = Viewer("")
END = Malformed(0, "end")
"""Stands where no further request is read because the viewer has ended his side: nothing is said of it."""
WRITE_HIGH = 512 * 1024
"""Bytes in the socket's queue above which no more is written and no further request is begun."""
MOST_IN_LINE = 64
"""Pipelined requests parsed ahead before the socket is read no further."""


class Handler(Protocol):
    """What a listener does with its connections and their requests."""

    def opened(self, connection: Connection) -> None:
        """A viewer connected."""

    def closed(self, connection: Connection) -> None:
        """He is gone."""

    def handle(self, request: Request, connection: Connection) -> None:
        """Answer; call `connection.done()` when the response is written."""

    known_heads: dict[bytes, None]
    """Heads (from the version on) that were parsed before and are plain: no range, condition, cookie or the like."""

    def straight(self, target: bytes, connection: Connection) -> bool:
        """Answer a plain GET at once if nothing about it is new; False: nothing was done, parse it."""

    def malformed(self, what: Malformed, connection: Connection) -> None:
        """Say so; the connection closes by itself afterwards."""


class Connection(RequestReader, BodySender, asyncio.Protocol):
    """One viewer's connection. `ticks` is counted up by the listener's sweep, once a second."""

    __slots__ = (
        "_closing",
        "_completed",
        "_current",
        "_ended",
        "_handler",
        "_held_back",
        "_in_line",
        "_keeps_alive",
        "_sender",
        "_serving",
        "_socket",
        "address",
        "grants",
        "last_queued",
        "lingering",
        "on_lost",
        "on_resume",
        "paused",
        "served",
        "ticks",
        "transport",
        "viewer",
    )

    def __init__(self, handler: Handler, limits: Limits) -> None:
        super().__init__(limits)
        self.transport = cast("asyncio.Transport", None)
        self._socket = self._sender = None
        self._closing = self._ended = self.paused = False
        self._completed = 0
        self._keeps_alive = False
        self._handler = handler
        self._in_line: deque[Request | Malformed] = deque()
        self._current: Request | None = None
        self._serving = self._held_back = self.lingering = False
        self.address = ""
        self.grants: dict[bytes, Grant] = {}
        self.viewer: Viewer = NOBODY
        self.ticks = self.served = self.last_queued = 0
        self.on_resume: Callable[[], object] | None = None
        self.on_lost: Callable[[], object] | None = None

    # -- the transport's side ----------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A viewer connected."""
        self.transport = cast("asyncio.Transport", transport)
        self.transport.set_write_buffer_limits(high=WRITE_HIGH)
        peer = transport.get_extra_info("peername")
        self.address = peer[0] if peer else ""
        self._handler.opened(self)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 (asyncio calls it so)
        """The viewer is gone: whoever works for him is told."""
        self._closing = True
        self._in_line.clear()
        self._stop_sending()
        lost, self.on_lost, self.on_resume = self.on_lost, None, None
        if lost is not None:
            lost()
        self._handler.closed(self)

    def data_received(self, data: bytes) -> None:
        """Parse; complete requests are handled from within.

        A head whose lines are known byte for byte goes the straight way: players send the same lines every time, and
        the same bytes parse to the same request. Only the target is new, and `straight` looks at every byte of it.
        """
        if self._refused is not None or self._closing:
            return  # read and forgotten, see `finish`
        if not self._head_bytes and data.startswith(b"GET /") and self._goes_straight(data):
            return
        if len(data) > MOST_AT_ONCE:
            for at in range(0, len(data), MOST_AT_ONCE):
                self.data_received(data[at : at + MOST_AT_ONCE])
            return
        if not self._head_bytes or self._in_body:
            self.ticks = 0
        alone = self._head_bytes == 0 and not self.busy
        self._head_bytes += len(data)
        self._completed = 0
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            # An Upgrade we do not take up: the request was answered as if it had not been asked (RFC 9110 §7.8).
            rest = data[upgrade.args[0] :]
            if rest:
                self.data_received(rest)
        except httptools.HttpParserError as error:
            self._stumbled(error, data)
        else:
            if alone and self._completed == 1 and self._keeps_alive and self._method == b"GET" and not self._head_bytes:
                learn(self._handler.known_heads, data, self._fields)
            if self._head_bytes > self._most and self._refused is None:
                too_large = Malformed(413, "body-too-large") if self._in_body else Malformed(431, "head-too-large")
                self._refuse(too_large)

    def _goes_straight(self, data: bytes) -> bool:
        """Whether these bytes are one request that could be answered at once."""
        if self.paused or self._current is not None or self._in_line or self._retiring:
            return False
        end = data.find(VERSION)
        if data[end:] not in self._handler.known_heads or not self._handler.straight(data[4:end], self):
            return False
        self.ticks = 0
        self.served += 1
        return True

    def _stumbled(self, error: Exception, data: bytes) -> None:
        """The parser stopped: at what a callback refused, at what llhttp does not like, or at a bug of the handler."""
        if self._refused is not None:
            self._refuse(self._refused)
        elif isinstance(error, httptools.HttpParserCallbackError):
            about = {"message": "bug: a request's handler failed", "exception": error.__context__ or error}
            asyncio.get_running_loop().call_exception_handler(about)
            self.abort()
        else:
            self._refuse(complaint(error, data))

    def eof_received(self) -> bool:
        """The viewer will send no more; what he asked for is still answered. False closes at once."""
        if self._closing:
            return self.busy
        self._closing_after_line()
        return True

    def _closing_after_line(self) -> None:
        self._refused, self._ended = self._refused or END, True
        if self._current is None and not self._in_line:
            self._close()
        else:
            last = self._in_line[-1] if self._in_line else self._current
            if isinstance(last, Request):
                last.keep_alive = False

    def pause_writing(self) -> None:
        """The viewer is slower than we are."""
        self.paused = True

    def resume_writing(self) -> None:
        """He caught up."""
        self.paused = False
        if self.on_resume is not None:
            self.on_resume()
        elif self._in_line and self._current is None:
            self._serve_line()

    # -- the reader's side -------------------------------------------------------------------------------------

    def on_message_complete(self) -> None:
        """A whole request: handle it now or let it wait in line."""
        if self._refused is not None or self._closing:
            return
        self._head_bytes = 0
        request = Request(self._method, self._target, self._fields, self._minor, self._parser.should_keep_alive())
        if self._unusual:
            self._settle(request)
        self._completed += 1
        self._keeps_alive = request.keep_alive
        if self._current is not None or self._in_line or self.paused:
            self._in_line.append(request)
            if len(self._in_line) >= MOST_IN_LINE and not self._held_back:
                self._held_back = True
                self.transport.pause_reading()
            return
        self._current = request
        self.ticks = 0
        self._handler.handle(request, self)

    def _may_continue(self) -> None:
        if not self.busy:  # in the middle of an earlier response it would belong to that; who waits goes on by himself
            self.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def _refuse(self, what: Malformed) -> None:
        """Answer what came before, then say what is wrong, then close."""
        if self._closing:
            return  # all is said: what follows is read and forgotten
        self._refused = what
        if not self._held_back:
            self._held_back = True
            self.transport.pause_reading()
        self._in_line.append(what)
        if self._current is None and not self._serving:
            self._serve_line()

    # -- the handler's side ------------------------------------------------------------------------------------

    @property
    def busy(self) -> bool:
        """Whether a request is being answered or waits in line, or a body is still being sent."""
        return self._current is not None or bool(self._in_line) or self._sender is not None

    def done(self) -> None:
        """The response to the current request is written."""
        request, self._current = self._current, None
        self.on_resume = self.on_lost = None
        self.ticks = 0
        self.served += 1
        if self._closing or (request is not None and not request.keep_alive):
            self._closing = True
            self._in_line.clear()
            self._close()
        elif self._in_line and not self._serving:
            self._serve_line()

    def retire(self) -> None:
        """Close as soon as what is being answered, or has begun to arrive, is done."""
        if self.lingering:
            return
        if self._current is not None:
            self._current.keep_alive = False
            self._closing = True
        elif self.in_head and not self._in_line and not self._closing:
            self._retiring = self._unusual = True
        else:
            self._in_line.clear()
            self._closing = True
            if self._sender is None:
                self.transport.close()

    def _serve_line(self) -> None:
        self._serving = True
        try:
            while self._in_line and self._current is None and not self.paused and not self._closing:
                following = self._in_line.popleft()
                if isinstance(following, Malformed):
                    self._handler.malformed(following, self)
                    self.finish()
                    return
                self._current = following
                self._handler.handle(following, self)
        finally:
            self._serving = False
        if self._held_back and not self._in_line and self._refused is None and not self._closing:
            self._held_back = False
            self.transport.resume_reading()
