"""From header blocks and DATA to requests, and who answers them: the fast path or the handler.

The requests are the same objects as over HTTP/1.1. A request waits for its turn while too much of earlier responses
waits for the viewer: each keeps its body in memory. Over 300 lines because what follows a head (fast path, body,
trailers) depends on what came of it.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterable
from typing import Any, cast

from cache.body import Body
from edge.wire.h2.allowance import Allowance
from edge.wire.h2.field_blocks import FieldDecoder, PathLiteral, PathTemplate, find_path
from edge.wire.h2.frames import DEFAULT_WINDOW, Code, ConnectionFault, Data, Headers, window_update_frame
from edge.wire.h2.request_body import RequestBody, length_error
from edge.wire.h2.request_fields import BrokenFields, check_trailers, read_fields
from edge.wire.h2.stream import Stream
from edge.wire.h2.stream_states import CLOSED, TRANSITIONS, StreamInput, StreamState
from edge.wire.h2.stream_table import MAX_STREAMS, StreamTable
from edge.wire.h2.turns import DEFAULT_URGENCY, urgency_of
from edge.wire.head import Limits, unmet_expectation
from edge.wire.http1_server import Handler
from edge.wire.request import Malformed, Request
from edge.wire.request_template import NAME, PLAIN_FIELDS, Grant
from kernel.vocabulary import Abort

MAX_QUEUED_BYTES = 8 << 20
"""Bytes of responses that wait for the viewer, above which no further request of its connection is answered."""
MAX_TEMPLATES = 4
"""Folders whose requests are recognised: a player's video, audio and subtitles."""
WINDOW_STEP = 16 * 1024
"""Bytes of request bodies after which the viewer's window is given back."""
_IN, _STATE = StreamInput, StreamState


class HitWriter:
    """Writes a hit of the fast path, which is one whole response: at once if it need not wait, else as a stream's."""

    __slots__ = ("_table", "number")

    copies_up_to = 0

    def __init__(self, table: StreamTable) -> None:
        self._table = table
        self.number = 0

    def writelines(self, pieces: Iterable[bytes | memoryview]) -> None:
        """See ResponseWriter: a head and a body of bytes."""
        head, body = cast("tuple[bytes, bytes]", pieces)
        if self._table.sender.send_whole(self.number, head, body):
            self._table.note_ended(self.number)
        else:
            self.send(head, body, 0, len(body))

    def send(self, before: bytes, body: Body, first: int, stop: int) -> None:
        """See ResponseWriter."""
        stream = self._table.open(self.number, DEFAULT_URGENCY, _STATE.HALF_REMOTE)
        stream.send(before, body, first, stop)
        stream.done()


class RequestIntake:
    """See the module."""

    __slots__ = (
        "_allowance", "_decoder", "_handler", "_hit", "_limits", "_received", "_table", "_templates", "_waiting",
    )  # fmt: skip

    def __init__(self, table: StreamTable, handler: Handler, limits: Limits, allowance: Allowance) -> None:
        self._table = table
        self._handler = handler
        self._limits = limits
        self._allowance = allowance
        self._decoder = FieldDecoder(limits.whole_head)
        self._hit = HitWriter(table)
        self._templates: list[tuple[PathTemplate, Grant]] = []
        self._waiting: deque[Stream] = deque()
        self._received = 0

    # -- heads -------------------------------------------------------------------------------------------------

    def on_headers(self, event: Headers) -> None:
        """A header block: a new stream's request, or trailers."""
        number, block, table = event.stream, event.block, self._table
        if (
            self._templates
            and event.end_stream
            and self._may_answer_at_once(event)
            and self._try_templates(number, block)
        ):
            return
        pairs, path = self._decoder.decode(block), find_path(block)
        if path is None:
            self._templates.clear()  # the block may have changed the table
        kind = _IN.HEADERS_END if event.end_stream else _IN.HEADERS
        if not number & 1:
            raise ConnectionFault(Code.PROTOCOL_ERROR, "a stream with an even number")
        if number <= table.last:
            self._on_trailers(number, kind, pairs)
            return
        if table.final:
            return
        table.last = number
        request = read_fields(pairs, self._limits)
        if len(table.streams) >= MAX_STREAMS:
            table.refuse(number, Code.REFUSED_STREAM)
        elif event.fault is not None or isinstance(request, BrokenFields):
            table.refuse(number, Code.PROTOCOL_ERROR)
        else:
            self._begin(number, request, kind)
            if path is not None and isinstance(request, Request) and event.end_stream:
                self._make_template(block, path, request)

    def _may_answer_at_once(self, event: Headers) -> bool:
        table, number = self._table, event.stream
        return (
            number > table.last
            and number & 1 == 1
            and event.fault is None
            and not table.final
            and not table.early
            and len(table.streams) < MAX_STREAMS
            and table.queued < MAX_QUEUED_BYTES
        )

    def _try_templates(self, number: int, block: bytes) -> bool:
        """Whether the block was recognised and its request answered. The template that was used last comes first."""
        templates = self._templates
        for place, (template, grant) in enumerate(templates):
            name = template.name_in(block)
            if name is None:
                continue
            if not self._try_fast_path(grant, name, number):
                del templates[place]  # its grant may have ended: the full path gives a new one
                return False
            if place:
                templates.insert(0, templates.pop(place))
            return True
        return False

    def _try_fast_path(self, grant: Grant, name: bytes, number: int) -> bool:
        if not NAME.fullmatch(name):
            return False
        table, hit = self._table, self._hit
        hit.number = number
        last, table.last = table.last, number
        if not self._handler.try_fast_path(grant, name, cast("Any", hit)):
            table.last = last
            return False
        connection = table.connection
        connection.ticks = 0
        connection.served += 1
        table.counts.h2_requests += 1
        self._allowance.earn_response()
        return True

    def _make_template(self, block: bytes, path: PathLiteral, request: Request) -> None:
        """Recognise blocks like this one, if its folder was granted and its fields decide nothing."""
        folder = request.target[: request.target.rfind(b"/") + 1]
        grant = self._table.connection.grants.get(folder)
        if grant is None or request.method != b"GET" or not PLAIN_FIELDS.issuperset(request.fields):
            return
        if urgency_of(request.fields.get(b"priority")) == DEFAULT_URGENCY:
            self._templates.insert(0, (PathTemplate(block, path, folder), grant))
            del self._templates[MAX_TEMPLATES:]

    def _begin(self, number: int, request: Request | Malformed, kind: StreamInput) -> None:
        """Handle a request, or collect its body first."""
        table = self._table
        table.connection.ticks = 0
        table.counts.h2_requests += 1
        fields = request.fields if isinstance(request, Request) else {}
        state = cast("StreamState", TRANSITIONS[_STATE.IDLE, kind])
        stream = table.open(number, urgency_of(fields.get(b"priority")), state)
        if isinstance(request, Malformed):
            self._refuse_malformed(stream, request)
            return
        stream.request = request
        stream.is_head = request.method == b"HEAD"
        wrong = length_error(request, self._limits, ended=kind is _IN.HEADERS_END)
        if wrong is None and b"expect" in fields and unmet_expectation(request):
            wrong = Malformed(417, "expectation")
        if wrong is not None:
            self._reject(stream, wrong)
        elif kind is _IN.HEADERS_END:
            self._handle(stream)
        else:
            stream.body = RequestBody(request, self._limits)
            if b"expect" in fields:
                stream.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    # -- answers -----------------------------------------------------------------------------------------------

    def _handle(self, stream: Stream) -> None:
        """Answer the stream's request, unless too much waits for the viewer already."""
        if self._table.queued >= MAX_QUEUED_BYTES and stream.state is _STATE.HALF_REMOTE:
            self._waiting.append(stream)
            return
        if stream.request is None:
            return
        try:
            self._handler.handle(stream.request, stream)
        except Exception as error:  # noqa: BLE001 (any exception here is a bug)
            about = {"message": "bug: a request's handler failed", "exception": error}
            asyncio.get_running_loop().call_exception_handler(about)
            stream.abort(Abort.BUG, repr(error))

    def handle_waiting(self) -> None:
        """Answer requests that waited, as far as there is room now."""
        while self._waiting and self._table.queued < MAX_QUEUED_BYTES:
            stream = self._waiting.popleft()
            if stream.state not in CLOSED:
                self._handle(stream)

    def _refuse_malformed(self, stream: Stream, what: Malformed) -> None:
        self._handler.refuse_malformed(what, stream)
        stream.done()

    def _reject(self, stream: Stream, wrong: Malformed | BrokenFields) -> None:
        """Refuse a request, or the rest of one that is being answered."""
        if isinstance(wrong, BrokenFields) or stream.has_head:
            self._table.reset_stream(stream, Code.PROTOCOL_ERROR)
            self._table.spend_reset()
            return
        body, stream.body = stream.body, None
        lost, stream.on_lost, stream.on_resume = stream.on_lost, None, None
        if body is not None:
            body.drop()
        if lost is not None:
            lost()
        refusal = Malformed(wrong.status, wrong.reason, wrong.detail)
        refusal.request = stream.request
        self._refuse_malformed(stream, refusal)

    def time_out_bodies(self, late: Malformed, is_late: Callable[[int, int, int], bool]) -> None:
        """See Http2Connection. Raises ConnectionFault."""
        for stream in tuple(self._table.streams.values()):
            body = stream.body
            if body is None or stream.state is not _STATE.OPEN:
                continue
            body.ticks += 1
            body.seconds += 1
            if body.upload is not None and body.upload.is_full:
                body.ticks = 0  # the upstream is slower than the viewer
            elif is_late(body.ticks, body.seconds, body.received):
                self._reject(stream, late)

    # -- bodies ------------------------------------------------------------------------------------------------

    def _on_trailers(self, number: int, kind: StreamInput, pairs: list[tuple[bytes, bytes]]) -> None:
        stream = self._table.move(number, kind)
        if stream is None:
            return
        if check_trailers(pairs) is not None:
            self._reject(stream, BrokenFields("trailers"))
        else:
            self._end_body(stream)

    def on_data(self, event: Data) -> None:
        """A piece of a body."""
        self._received += event.counted
        if self._received > DEFAULT_WINDOW:
            raise ConnectionFault(Code.FLOW_CONTROL_ERROR, "more DATA than the connection's window")
        stream = self._table.move(event.stream, _IN.DATA_END if event.end_stream else _IN.DATA)
        if stream is None:
            return
        stream.unread += event.counted
        if stream.unread > DEFAULT_WINDOW:
            self._table.reset_stream(stream, Code.FLOW_CONTROL_ERROR)
            return
        body = stream.body
        if body is None:
            return  # refused already
        forwarded = body.upload is not None
        wrong = body.receive(event.data)
        if wrong is not None:
            self._reject(stream, wrong)
            return
        if body.upload is not None and not forwarded:
            body.upload.on_room = lambda: self._give_room(stream)
            self._handle(stream)
        if event.end_stream:
            self._end_body(stream)
        elif body.upload is None or not body.upload.is_full:
            self._give_room(stream)

    def _end_body(self, stream: Stream) -> None:
        body = stream.body
        if body is None:
            return
        wrong = body.end()
        if wrong is not None:
            self._reject(stream, wrong)
        elif body.upload is None:
            stream.when_done(body.release)
            self._handle(stream)

    def _give_room(self, stream: Stream) -> None:
        """Give the stream's window back, unless the viewer needs it no more."""
        if stream.unread >= WINDOW_STEP and stream.state is _STATE.OPEN:
            self._table.sender.queue(window_update_frame(stream.number, stream.unread))
            stream.unread = 0

    def give_back_window(self) -> None:
        """Give the connection's window back: what its streams hold is bounded by their own."""
        if self._received >= WINDOW_STEP:
            self._table.sender.queue(window_update_frame(0, self._received))
            self._received = 0
