"""One stream: a request, and the writer of its response. Implements `edge.wire.response_writer.ResponseWriter`.

What is written waits here until it is the stream's turn (`edge.wire.h2.frame_sender`). Bodies from the cache wait by
reference; a file is read piece by piece when its turn comes.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from typing import Protocol

from cache.body import Body, view
from edge.wire.h2.field_blocks import block_of
from edge.wire.h2.frame_sender import FrameSender, Pieces, frames_of
from edge.wire.h2.frames import Code, headers_frames
from edge.wire.h2.request_body import RequestBody
from edge.wire.h2.stream_states import StreamState
from edge.wire.h2.turns import TURN_BYTES
from edge.wire.request import Request
from edge.wire.request_template import Grant
from edge.wire.upload import Upload
from edge.wire.viewer import Viewer
from kernel.vocabulary import Abort

QUEUE_HIGH, QUEUE_LOW = 256 * 1024, 64 * 1024
"""Bytes queued from which a writer is paused, and at which it may go on."""
_HEAD_END = b"\r\n\r\n"


class StreamOwner(Protocol):
    """The connection's streams, as each of them sees them."""

    sender: FrameSender

    @property
    def address(self) -> str:
        """The viewer's address."""

    @property
    def viewer(self) -> Viewer:
        """The connection's viewer."""

    @property
    def grants(self) -> dict[bytes, Grant]:
        """The connection's."""

    def on_queued(self, number: int) -> None:
        """So many more bytes wait (fewer, if negative)."""

    def on_ended(self, stream: Stream) -> None:
        """The response is with the transport."""

    def on_done(self, stream: Stream) -> None:
        """The response is written; it may still wait for its turn."""

    def reset_stream(self, stream: Stream, code: Code) -> None:
        """End a stream by a reset of ours."""

    def aborted(self, why: Abort, detail: str) -> None:
        """Count and log that a response is cut."""


class Stream:
    """See the module. `ticks` counts the seconds for which the viewer's windows have held up what waits."""

    __slots__ = (
        "_callbacks", "_has_head", "_owner", "_pieces", "_sender", "block", "body", "ended", "is_head", "number",
        "on_lost", "on_resume", "paused", "queued", "request", "state", "ticks", "turn_left", "unread", "urgency",
        "window",
    )  # fmt: skip

    copies_up_to = 0

    def __init__(self, number: int, owner: StreamOwner, urgency: int) -> None:
        self.number = number
        self.urgency = urgency
        self.turn_left = TURN_BYTES
        self.window = owner.sender.initial_window
        self.state = StreamState.IDLE
        self.request: Request | None = None
        self.body: RequestBody | None = None
        self.unread = 0
        """Bytes of the request's body that the viewer's window was not given back for."""
        self.block: bytes | None = None
        self.queued = self.ticks = 0
        self.ended = self.paused = self.is_head = self._has_head = False
        self.on_resume: Callable[[], object] | None = None
        self.on_lost: Callable[[], object] | None = None
        self._owner = owner
        self._sender = owner.sender
        self._pieces: deque[tuple[Body | memoryview, int, int]] = deque()
        self._callbacks: list[Callable[[], object]] = []

    @property
    def address(self) -> str:
        """The viewer's address."""
        return self._owner.address

    @property
    def viewer(self) -> Viewer:
        """The connection's viewer."""
        return self._owner.viewer

    @property
    def has_head(self) -> bool:
        """Whether the response's head is written."""
        return self._has_head

    @property
    def grants(self) -> dict[bytes, Grant]:
        """The connection's."""
        return self._owner.grants

    # -- writing -----------------------------------------------------------------------------------------------

    def write(self, data: bytes | memoryview) -> None:
        """See ResponseWriter."""
        if self.ended:
            return
        self._append(data)
        self._sender.wake(self)

    def writelines(self, pieces: Iterable[bytes | memoryview]) -> None:
        """See ResponseWriter."""
        if self.ended:
            return
        for piece in pieces:
            self._append(piece)
        self._sender.wake(self)

    def send(self, before: bytes, body: Body, first: int, stop: int) -> None:
        """See ResponseWriter."""
        if self.ended:
            return
        if before:
            self._append(before)
        if stop > first:
            self._queue(body, first, stop)
        self._sender.wake(self)

    def _append(self, data: bytes | memoryview) -> None:
        if not self._has_head:
            data = self._read_head(bytes(data))
        if data:
            self._queue(data, 0, len(data))

    def _read_head(self, data: bytes) -> bytes:
        """Make the block of the head at the start of `data`; returns what is behind it."""
        stop = data.index(_HEAD_END) + len(_HEAD_END)
        head = data if stop == len(data) else data[:stop]  # the same object has its block already
        status, block = block_of(head)
        if 100 <= status < 200:
            self._sender.queue(headers_frames(self.number, block, end_stream=False, max_frame=self._sender.max_frame))
        else:
            self._has_head, self.block = True, block
        return data[stop:]

    def _queue(self, body: Body | memoryview, first: int, stop: int) -> None:
        self._pieces.append((body, first, stop))
        self.queued += stop - first
        self._owner.on_queued(stop - first)
        self.paused = self.queued >= QUEUE_HIGH

    # -- sending -----------------------------------------------------------------------------------------------

    def cut(self, size: int, max_frame: int, out: Pieces) -> int:
        """See Sending."""
        sent = 0
        while sent < size:
            body, first, stop = self._pieces.popleft()
            part = min(stop - first, size - sent)
            try:
                data = body[first : first + part] if isinstance(body, memoryview) else view(body, first, first + part)
            except OSError as error:
                self.abort(Abort.BODY_FILE, str(error))
                return sent
            if first + part < stop:
                self._pieces.appendleft((body, first + part, stop))
            sent += part
            self.queued -= part
            self._owner.on_queued(-part)
            frames_of(data, self.number, max_frame, out, end_stream=self.ended and not self.queued)
        self.ticks = 0
        return sent

    def on_sent(self) -> None:
        """See Sending."""
        if self.paused and self.queued <= QUEUE_LOW:
            self.paused = False
            if self.on_resume is not None:
                self.on_resume()

    def on_end_sent(self) -> None:
        """See Sending."""
        self._owner.on_ended(self)

    # -- the request's life ------------------------------------------------------------------------------------

    def done(self) -> None:
        """See ResponseWriter."""
        if self.ended:
            return
        self.ended = True
        self.on_resume = self.on_lost = None
        self._run_callbacks()
        self._owner.on_done(self)
        self._sender.wake(self)

    def abort(self, why: Abort, detail: str = "") -> None:
        """See ResponseWriter: the stream is reset, the connection goes on (RFC 9113 §8.1)."""
        self._owner.aborted(why, detail)
        self._owner.reset_stream(self, Code.INTERNAL_ERROR)

    def when_done(self, call: Callable[[], object]) -> None:
        """See ResponseWriter."""
        self._callbacks.append(call)

    def settle_keep_alive(self, request: Request) -> None:
        """See ResponseWriter: the connection goes on whatever becomes of a stream."""
        if isinstance(request.body, Upload):
            request.body.answered = True

    def close(self, state: StreamState) -> None:
        """Nothing more is sent or received: drop what waits, and tell what works for the viewer."""
        self.state = state
        self.ended = True
        self._sender.drop(self)
        self._pieces.clear()
        queued, self.queued, self.block = self.queued, 0, None
        self._owner.on_queued(-queued)
        if self.body is not None:
            self.body.drop()
        lost, self.on_lost, self.on_resume = self.on_lost, None, None
        self._run_callbacks()
        if lost is not None:
            lost()

    def _run_callbacks(self) -> None:
        calls, self._callbacks = self._callbacks, []
        for call in calls:
            call()
