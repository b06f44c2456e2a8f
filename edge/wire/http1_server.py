"""HTTP/1.1 from viewers: bytes to Requests, one at a time and in order, whatever is pipelined (RFC 9112).

The connection calls `handle(request, connection)` for each request; the handler writes a response to `transport` and
calls `done()`, at once or later. Until then further requests wait unread; if there are many bytes of them, the socket
is not read either. Over 300 lines because a body that is forwarded while it is received belongs to the same state.
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
from edge.wire.response_writer import ResponseWriter, ViewerConnection, Write, WriteLines
from edge.wire.upload import Upload
from edge.wire.viewer import NOBODY, Viewer
from kernel.vocabulary import Abort

WRITE_HIGH = 512 * 1024
"""Bytes in the socket's queue above which nothing more is written and no further request is begun."""
MAX_COPIED_BODY = 8 * 1024
"""A body up to this size is copied behind its head: cheaper than handing the transport two pieces."""
MAX_PIPELINED_BYTES = 64 * 1024
"""Bytes of further requests that may wait before the socket is read no further."""

CLOSE_LINE = b"Connection: close\r\n"
_KEEP_ALIVE_LINE = b"Connection: keep-alive\r\n"
_CUT_BODY = Malformed(400, "body-cut")


def connection_line(request: Request) -> bytes:
    """`Connection: close`, or `keep-alive` for HTTP/1.0; nothing where the version implies it."""
    if not request.keep_alive:
        return CLOSE_LINE
    return b"" if request.minor else _KEEP_ALIVE_LINE


class Handler(Protocol):
    """Answers the requests of connections."""

    def on_connection_opened(self, connection: ViewerConnection) -> None:
        """A viewer connected."""

    def on_connection_closed(self, connection: ViewerConnection) -> None:
        """A viewer's connection is closed."""

    def handle(self, request: Request, connection: ResponseWriter) -> None:
        """Answer; call `connection.done()` when the response is written."""

    known_heads: dict[bytes, None]
    """Heads (from the version on) that were parsed before and are plain: no range, condition, cookie or the like."""

    def try_fast_path(self, grant: Grant, name: bytes, connection: ResponseWriter) -> bool:
        """Answer a plain GET of a granted folder's file if nothing is new but its name; False: nothing was done."""

    def aborted(self, connection: ViewerConnection, why: Abort, detail: str) -> None:
        """The connection is being cut."""

    def refuse_malformed(self, what: Malformed, connection: ResponseWriter) -> None:
        """Say so; the connection closes by itself afterwards."""


class Connection(RequestReader, BodySender, asyncio.Protocol):
    """One viewer's connection. `ticks` counts the listener's sweeps, one a second, since something happened."""

    __slots__ = (
        "_closing",
        "_current",
        "_done_callbacks",
        "_ended",
        "_handler",
        "_has_unread",
        "_held_back",
        "_sender",
        "_serving",
        "_socket",
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
        "write",
        "writelines",
    )

    copies_up_to = MAX_COPIED_BODY

    def __init__(self, handler: Handler, limits: Limits) -> None:
        super().__init__(limits)
        self.transport = cast("asyncio.Transport", None)
        self._socket = self._sender = None
        self._closing = self._ended = self.retiring = self.paused = False
        self._handler = handler
        self._current: Request | None = None
        self._serving = self._held_back = self.lingering = self._has_unread = False
        self._done_callbacks: list[Callable[[], object]] | None = None
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
        self.write: Write = self.transport.write
        self.writelines: WriteLines = self.transport.writelines
        peer = transport.get_extra_info("peername")
        self.address = peer[0] if peer else ""
        self._handler.on_connection_opened(self)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 (asyncio calls it so)
        """Release what the connection holds, and tell what works for the viewer."""
        self._closing = True
        self._rest.clear()
        self._stop_sending()
        self._drop_upload()
        if self._held:
            self._release_body()
        lost, self.on_lost, self.on_resume = self.on_lost, None, None
        if self._done_callbacks is not None:
            self._run_done_callbacks()
        if lost is not None:
            lost()
        self._handler.on_connection_closed(self)

    def data_received(self, data: bytes) -> None:
        """Read; complete requests are handled from within.

        A head whose lines are known byte for byte takes the fast path: players send the same lines every time, and the
        same bytes parse to the same request. Only the target is new, and `try_fast_path` checks every byte of it.
        """
        if self._closing:
            return  # discarded, see `finish`
        rest = self._rest
        if not rest and data.startswith(b"GET /") and self._try_fast_path(data):
            return
        if not rest or self._request is not None:
            self.ticks = 0
        free = self._current is None and not self.paused
        alone = data if free and not rest and self._request is None else b""
        rest += data
        if free:
            self._handle_next(alone)
        elif self.upload is not None:
            self._read_upload(self.upload)
        elif len(rest) > MAX_PIPELINED_BYTES and not self._held_back:
            self._held_back = True
            self.transport.pause_reading()

    def _try_fast_path(self, data: bytes) -> bool:
        """Whether these bytes were one request that was answered at once."""
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
            self.template = None  # its grant may have ended: the full path gives a new one
            return False
        self.ticks = 0
        self.served += 1
        return True

    def eof_received(self) -> bool:
        """Answer what was asked, though the viewer sends no more. False closes at once."""
        if self._closing:
            return self.busy
        self._ended = True
        if self.upload is not None:
            self.abort_upload(_CUT_BODY)
        elif self._current is None:
            self._handle_next()
        elif not self._rest:
            self._current.keep_alive = False
        return self.transport.can_write_eof()  # TLS cannot end one side alone

    def pause_writing(self) -> None:
        """The viewer's socket is full."""
        self.paused = True

    def resume_writing(self) -> None:
        """The viewer's socket has room again."""
        self.paused = False
        self.ticks = 0
        if self.on_resume is not None:
            self.on_resume()
        elif self._current is None:
            self._handle_next()

    # -- the line ----------------------------------------------------------------------------------------------

    def _handle_next(self, alone: bytes = b"") -> None:
        """Handle the requests that have arrived, in order, until one has to wait, the viewer's socket is full or none
        is complete.

        `alone`: the bytes just received, if none were there before them.
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
                    self._hold_body_until_done(request.body)
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
        """Clear `keep_alive` if this response is the last. Call it when the response's head is made."""
        if isinstance(request.body, Upload):
            # With the upload unfinished, its rest would be read as the next request.
            request.keep_alive = request.body.keep_alive and self.upload is None
            request.body.answered = True
        if (self.retiring or self._ended) and not self._rest:
            request.keep_alive = False

    def _handle(self, request: Request) -> None:
        self._current = request
        self.ticks = 0
        try:
            self._handler.handle(request, self)
        except Exception as error:  # noqa: BLE001 (any exception here is a bug)
            about = {"message": "bug: a request's handler failed", "exception": error}
            asyncio.get_running_loop().call_exception_handler(about)
            self.abort(Abort.BUG, repr(error))

    def _send_continue(self) -> None:
        self.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    # -- a body under way --------------------------------------------------------------------------------------

    def _hold_body_until_done(self, body: bytes | Upload) -> None:
        """Hold the body until the request is answered; an upload has no response head yet."""
        if isinstance(body, Upload):
            body.answered = False
            body.on_room = self._resume_upload
            self.when_done(self._drop_upload)
            self._hold_back(body)
        else:
            self.when_done(self._release_body)

    def _read_upload(self, upload: Upload) -> None:
        wrong = self._receive_upload(upload)
        if wrong is not None:
            self.abort_upload(wrong)
        else:
            self._hold_back(upload)

    def _hold_back(self, upload: Upload) -> None:
        """Stop reading: the upstream is slower than the viewer."""
        if upload.is_full and not self._held_back and not upload.whole:
            self._held_back = True
            self.transport.pause_reading()

    def _resume_upload(self) -> None:
        if self._held_back and self.upload is not None and not self._closing:
            self._held_back = False
            self.ticks = 0
            self.transport.resume_reading()

    @property
    def holds_back(self) -> bool:
        """Whether the viewer cannot send more for now, because of us."""
        return self._held_back

    def _drop_upload(self) -> None:
        """Discard the rest of the upload."""
        upload, self.upload = self.upload, None
        if upload is not None:
            self._request = None
            upload.on_room = None
            upload.fail()
            self._has_unread = True

    def abort_upload(self, why: Malformed) -> None:
        """End the request that is being answered: its body will not become complete."""
        upload = self.upload
        lost, self.on_lost, self.on_resume = self.on_lost, None, None
        self._drop_upload()
        if lost is not None:
            lost()
        self._current = None
        self._run_done_callbacks()
        if upload is not None and upload.answered:
            self.abort(Abort.UPLOAD, why.reason)  # the response head is sent
        else:
            self._handler.refuse_malformed(why, self)
            self.finish()

    # -- the handler's side ------------------------------------------------------------------------------------

    @property
    def busy(self) -> bool:
        """Whether a request is being answered, or a body is still being sent."""
        return self._current is not None or self._sender is not None

    def done(self) -> None:
        """The response to the current request is written: take the next one, or close."""
        request, self._current = self._current, None
        self.on_resume = self.on_lost = None
        self.ticks = 0
        self.served += 1
        if self._done_callbacks is not None:
            self._run_done_callbacks()
        if self._closing or (request is not None and not request.keep_alive):
            self._closing = True
            self._rest.clear()
            if self._has_unread and self._sender is None and not self.transport.can_write_eof():
                self._linger()  # closing at once could discard the response, see `finish`
            else:
                self._close()
        elif not self._serving and (self._rest or self._ended or self._held_back):
            self._handle_next()

    def when_done(self, call: Callable[[], object]) -> None:
        """Call once when the current request is answered, or its viewer gone."""
        if self._done_callbacks is None:
            self._done_callbacks = []
        self._done_callbacks.append(call)

    def _run_done_callbacks(self) -> None:
        callbacks, self._done_callbacks = self._done_callbacks, None
        for call in callbacks or ():
            call()

    def refuse(self, message: bytes) -> None:
        """Refuse the connection before any request; nothing more is read."""
        self.write(message)
        self.finish()

    def aborted(self, why: Abort, detail: str) -> None:
        """Let the handler count the cut."""
        self._handler.aborted(self, why, detail)

    def close_after_next(self) -> None:
        """Make the next response the last. A viewer that has made a request, or connected this second, may be about to
        ask: the listener's sweep closes such connections after a quiet moment. A silent one is closed at once."""
        if self.lingering or self._closing:
            return
        silent = not self.served and self.ticks and not self.busy and not self.in_head
        self.retiring, self.ticks = True, 0
        if silent:
            self.close_idle()

    def close_idle(self) -> None:
        """Close: no request is being answered, none has begun to arrive."""
        self._rest.clear()
        self._closing = True
        if self._sender is None:
            self.transport.close()
