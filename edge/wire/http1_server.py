"""HTTP/1.1 from viewers: bytes to Requests, one at a time and in order, whatever is pipelined (RFC 9112).

The connection calls `handle(request, connection)` for each request; the handler writes a response to `transport` and
calls `done()`, at once or later. Until then what comes next waits unread; when much does, so does the socket.
Over 300 lines because a body that is sent on while it comes belongs to the same state.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Protocol, cast

from edge.wire.body_sender import BodySender
from edge.wire.head import Limits
from edge.wire.request import Malformed, Request
from edge.wire.request_reader import RequestReader
from edge.wire.request_template import VERSION, Grant, RequestTemplate, make_template, remember_head
from edge.wire.upload import Upload
from edge.wire.viewer import NOBODY, Viewer
from kernel.vocabulary import Abort

WRITE_HIGH = 512 * 1024
"""Bytes in the socket's queue above which no more is written and no further request is begun."""
MAX_PIPELINED_BYTES = 64 * 1024
"""Bytes of further requests that wait their turn before the socket is read no further."""


_CUT_BODY = Malformed(400, "body-cut")


class Handler(Protocol):
    """What a listener does with its connections and their requests."""

    def on_connection_opened(self, connection: Connection) -> None:
        """A viewer connected."""

    def on_connection_closed(self, connection: Connection) -> None:
        """He is gone."""

    def handle(self, request: Request, connection: Connection) -> None:
        """Answer; call `connection.done()` when the response is written."""

    known_heads: dict[bytes, None]
    """Heads (from the version on) that were parsed before and are plain: no range, condition, cookie or the like."""

    def try_fast_path(self, grant: Grant, name: bytes, connection: Connection) -> bool:
        """Answer a plain GET of a granted folder's file if nothing is new but its name; False: nothing was done."""

    def aborted(self, connection: Connection, why: Abort, detail: str) -> None:
        """The connection is being cut."""

    def refuse_malformed(self, what: Malformed, connection: Connection) -> None:
        """Say so; the connection closes by itself afterwards."""


class Connection(RequestReader, BodySender, asyncio.Protocol):
    """One viewer's connection. `ticks` is counted up by the listener's sweep, once a second."""

    __slots__ = (
        "_closing",
        "_current",
        "_debts",
        "_ended",
        "_handler",
        "_held_back",
        "_sender",
        "_serving",
        "_socket",
        "_unread",
        "address",
        "grants",
        "last_progress",
        "lingering",
        "on_lost",
        "on_resume",
        "paused",
        "retiring",
        "served",
        "template",
        "ticks",
        "transport",
        "viewer",
    )

    def __init__(self, handler: Handler, limits: Limits) -> None:
        super().__init__(limits)
        self.transport = cast("asyncio.Transport", None)
        self._socket = self._sender = None
        self._closing = self._ended = self.retiring = self.paused = False
        self._handler = handler
        self._current: Request | None = None
        self._serving = self._held_back = self.lingering = self._unread = False
        self._debts: list[Callable[[], object]] | None = None
        self.address = ""
        self.grants: dict[bytes, Grant] = {}
        self.template: RequestTemplate | None = None
        self.viewer: Viewer = NOBODY
        self.ticks = self.served = self.last_progress = 0
        self.on_resume: Callable[[], object] | None = None
        self.on_lost: Callable[[], object] | None = None

    # -- the transport's side ----------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A viewer connected."""
        self.transport = cast("asyncio.Transport", transport)
        self.transport.set_write_buffer_limits(high=WRITE_HIGH)
        peer = transport.get_extra_info("peername")
        self.address = peer[0] if peer else ""
        self._handler.on_connection_opened(self)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 (asyncio calls it so)
        """The viewer is gone: whoever works for him is told."""
        self._closing = True
        self._rest.clear()
        self._stop_sending()
        self._drop_upload()
        if self._held:
            self._release_body()
        lost, self.on_lost, self.on_resume = self.on_lost, None, None
        if self._debts is not None:
            self._pay()
        if lost is not None:
            lost()
        self._handler.on_connection_closed(self)

    def data_received(self, data: bytes) -> None:
        """Read; complete requests are handled from within.

        A head whose lines are known byte for byte goes the straight way: players send the same lines every time, and
        the same bytes parse to the same request. Only the target is new, and `try_fast_path` looks at every byte of it.
        """
        if self._closing:
            return  # read and forgotten, see `finish`
        rest = self._rest
        if not rest and data.startswith(b"GET /") and self._try_fast_path(data):
            return
        if not rest or self._request is not None:
            self.ticks = 0
        free = self._current is None and not self.paused
        alone = data if free and not rest and self._request is None else b""
        rest += data
        if free:
            self._go_on(alone)
        elif self.upload is not None:
            self._feed(self.upload)
        elif len(rest) > MAX_PIPELINED_BYTES and not self._held_back:
            self._held_back = True
            self.transport.pause_reading()

    def _try_fast_path(self, data: bytes) -> bool:
        """Whether these bytes are one request that could be answered at once."""
        if self.paused or self._current is not None or self._request is not None or self.retiring:
            return False
        found = self.template
        if found is None or not (data.startswith(found.begin) and data.endswith(found.end)):
            end = data.find(VERSION)
            cut = data.rfind(b"/", 4, end) + 1
            granted = self.grants.get(data[4:cut])
            if granted is None or data[end:] not in self._handler.known_heads:
                return False
            self.template = found = make_template(data[:cut], data[end:], granted)
        if not self._handler.try_fast_path(found.grant, data[found.first : found.stop], self):
            self.template = None  # its grant may be over: the long way gives a new one
            return False
        self.ticks = 0
        self.served += 1
        return True

    def eof_received(self) -> bool:
        """The viewer will send no more; what he asked for is still answered. False closes at once."""
        if self._closing:
            return self.busy
        self._ended = True
        if self.upload is not None:
            self.abort_upload(_CUT_BODY)
        elif self._current is None:
            self._go_on()
        elif not self._rest:
            self._current.keep_alive = False
        return self.transport.can_write_eof()  # TLS cannot stay open on one side

    def pause_writing(self) -> None:
        """The viewer is slower than we are."""
        self.paused = True

    def resume_writing(self) -> None:
        """He caught up."""
        self.paused = False
        self.ticks = 0
        if self.on_resume is not None:
            self.on_resume()
        elif self._current is None:
            self._go_on()

    # -- the line ----------------------------------------------------------------------------------------------

    def _go_on(self, alone: bytes = b"") -> None:
        """Handle what has come and waits, in order, until one has to wait, the viewer is behind or nothing is whole.

        `alone`: what has just come, when nothing was there before it.
        """
        if self._serving or self._closing:
            return
        self._serving = True
        try:
            while self._current is None and not self.paused and not self._closing:
                request = self._next()
                if request is None:
                    break
                if isinstance(request, Malformed):
                    self._handler.refuse_malformed(request, self)
                    self.finish()
                    return
                self.settle_keep_alive(request)
                if request.body:
                    self._has_body(request.body)
                if alone and not self._rest and request.keep_alive and request.method == b"GET":
                    remember_head(self._handler.known_heads, alone, request.fields)
                alone = b""
                self._handle(request)
        finally:
            self._serving = False
        if self._current is None and not self.paused and not self._closing:
            if self._ended:
                self._close()
            elif self._held_back:
                self._held_back = False
                self.transport.resume_reading()

    def settle_keep_alive(self, request: Request) -> None:
        """Whether this answer is the last, to be asked when its head is made: `keep_alive` turns false if it is."""
        if isinstance(request.body, Upload):
            request.keep_alive = request.body.keep_alive and self.upload is None  # else its rest were a request
            request.body.answered = True
        if (self.retiring or self._ended) and not self._rest:
            request.keep_alive = False

    def _handle(self, request: Request) -> None:
        self._current = request
        self.ticks = 0
        try:
            self._handler.handle(request, self)
        except Exception as error:  # noqa: BLE001 (whatever it is, it is a bug and named one)
            about = {"message": "bug: a request's handler failed", "exception": error}
            asyncio.get_running_loop().call_exception_handler(about)
            self.abort(Abort.BUG, repr(error))

    def _may_continue(self) -> None:
        self.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    # -- a body under way --------------------------------------------------------------------------------------

    def _has_body(self, body: bytes | Upload) -> None:
        """It is held until the request is answered; of an upload it is only known now that none is yet."""
        if isinstance(body, Upload):
            body.answered = False
            body.on_room = self._read_again
            self.when_done(self._drop_upload)
            self._hold_back(body)
        else:
            self.when_done(self._release_body)

    def _feed(self, upload: Upload) -> None:
        wrong = self._read_on(upload)
        if wrong is not None:
            self.abort_upload(wrong)
        else:
            self._hold_back(upload)

    def _hold_back(self, upload: Upload) -> None:
        """The upstream is slower than the viewer."""
        if upload.is_full and not self._held_back and not upload.whole:
            self._held_back = True
            self.transport.pause_reading()

    def _read_again(self) -> None:
        if self._held_back and self.upload is not None and not self._closing:
            self._held_back = False
            self.ticks = 0
            self.transport.resume_reading()

    @property
    def holds_back(self) -> bool:
        """Whether the viewer cannot send more for now, because of us."""
        return self._held_back

    def _drop_upload(self) -> None:
        """Nobody wants the rest of it."""
        upload, self.upload = self.upload, None
        if upload is not None:
            self._request = None
            upload.on_room = None
            upload.fail()
            self._unread = True

    def abort_upload(self, why: Malformed) -> None:
        """The body of the request that is being answered will not become whole."""
        upload = self.upload
        lost, self.on_lost, self.on_resume = self.on_lost, None, None
        self._drop_upload()
        if lost is not None:
            lost()
        self._current = None
        self._pay()
        if upload is not None and upload.answered:
            self.abort(Abort.UPLOAD, why.reason)  # the head of an answer is out
        else:
            self._handler.refuse_malformed(why, self)
            self.finish()

    # -- the handler's side ------------------------------------------------------------------------------------

    @property
    def busy(self) -> bool:
        """Whether a request is being answered, or a body is still being sent."""
        return self._current is not None or self._sender is not None

    def done(self) -> None:
        """The response to the current request is written."""
        request, self._current = self._current, None
        self.on_resume = self.on_lost = None
        self.ticks = 0
        self.served += 1
        if self._debts is not None:
            self._pay()
        if self._closing or (request is not None and not request.keep_alive):
            self._closing = True
            self._rest.clear()
            if self._unread and self._sender is None and not self.transport.can_write_eof():
                self._linger()  # closing at once would take the answer from whoever still sends, see `finish`
            else:
                self._close()
        elif not self._serving and (self._rest or self._ended or self._held_back):
            self._go_on()

    def when_done(self, call: Callable[[], object]) -> None:
        """Call once when the current request is answered, or its viewer gone."""
        if self._debts is None:
            self._debts = []
        self._debts.append(call)

    def _pay(self) -> None:
        debts, self._debts = self._debts, None
        for call in debts or ():
            call()

    def aborted(self, why: Abort, detail: str) -> None:
        """It is being cut: the handler counts it."""
        self._handler.aborted(self, why, detail)

    def close_after_next(self) -> None:
        """Let the next answer be the last. Whoever has asked for something, or came this second, may be about to ask:
        he has a quiet moment, which ends by the listener's sweep; who has been silent is let go at once."""
        if self.lingering or self._closing:
            return
        silent = not self.served and self.ticks and not self.busy and not self.in_head
        self.retiring, self.ticks = True, 0
        if silent:
            self.close_idle()

    def close_idle(self) -> None:
        """Close: nothing is being answered, nothing has begun to arrive."""
        self._rest.clear()
        self._closing = True
        if self._sender is None:
            self.transport.close()
