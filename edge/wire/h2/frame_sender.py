"""The sending half of an HTTP/2 connection: whose frames come next, within the viewer's windows (RFC 9113 §5.2).

Heads go first, since flow control does not hold them back. Then the streams that have bytes and room take turns of
64 KiB by urgency, until the socket is full or the connection's window is empty. What is written during one call from
the event loop goes to the transport together.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Protocol

from edge.wire.h2.allowance import Allowance
from edge.wire.h2.field_blocks import block_of
from edge.wire.h2.frames import (
    DEFAULT_WINDOW,
    END_STREAM,
    MAX_FRAME_BYTES,
    MAX_WINDOW,
    Code,
    ConnectionFault,
    Kind,
    frame_head,
    headers_frames,
)
from edge.wire.h2.turns import TURN_BYTES, Turns

WRITE_BYTES = 256 * 1024
"""Bytes handed to the transport at a time."""
MAX_AT_ONCE = 1 << 20
"""A body up to this size that the windows have room for is handed over at once if nothing else waits."""
MAX_COPIED_BODY = 8 * 1024
"""A body up to this size is copied behind its frame's head: cheaper than handing the transport two pieces."""

Pieces = list[bytes | memoryview]


class Sending(Protocol):
    """A stream, as its sender sees it."""

    number: int
    urgency: int
    window: int
    """Bytes that the viewer has room for; below zero after it made its windows smaller (§6.9.2)."""
    queued: int
    """Bytes of the body that wait."""
    block: bytes | None
    """The head's block, until it is sent."""
    ended: bool
    """Whether nothing more will be queued."""
    turn_left: int
    """Bytes that are left of its turn."""

    def cut(self, size: int, max_frame: int, out: Pieces) -> int:
        """Append up to `size` queued bytes to `out`, framed; returns how many. Fewer: the stream has failed."""

    def on_sent(self) -> None:
        """Some of what was queued is with the transport."""

    def on_end_sent(self) -> None:
        """The whole response is with the transport."""


class FrameSender:
    """See the module. `corked`: frames wait for the end of the current call. `progressed`: bytes of a body were sent
    since it was last cleared."""

    __slots__ = (
        "_allowance", "_heads", "_loop", "_out", "_out_bytes", "_scheduled", "corked", "initial_window", "max_frame",
        "paused", "progressed", "transport", "turns", "window",
    )  # fmt: skip

    def __init__(self, transport: asyncio.Transport, allowance: Allowance) -> None:
        self.transport = transport
        self.window = DEFAULT_WINDOW
        self.initial_window = DEFAULT_WINDOW
        """Of new streams, as the viewer has it."""
        self.max_frame = MAX_FRAME_BYTES
        self.paused = self.corked = self.progressed = self._scheduled = False
        self.turns: Turns[Sending] = Turns()
        self._heads: deque[Sending] = deque()
        self._out: Pieces = []
        self._out_bytes = 0
        self._allowance = allowance
        self._loop = asyncio.get_running_loop()

    # -- what waits --------------------------------------------------------------------------------------------

    def queue(self, frame: bytes) -> None:
        """Send a frame that flow control does not hold back."""
        self._out.append(frame)
        self._schedule()

    def wake(self, stream: Sending) -> None:
        """The stream has a head, bytes, room or an end that it had not before."""
        if stream.block is not None:
            if stream not in self._heads:
                self._heads.append(stream)
        elif stream.queued:
            if stream.window > 0:
                self.turns.join(stream, stream.urgency)
        elif stream.ended:
            self._out.append(frame_head(Kind.DATA, END_STREAM, stream.number, 0))
            stream.on_end_sent()
        else:
            return
        self._schedule()

    def wake_bytes(self, stream: Sending) -> None:
        """The stream has room that it had not before."""
        if stream.block is None and stream.queued:
            self.wake(stream)

    def move_to_urgency(self, stream: Sending, urgency: int) -> None:
        """Let the stream take its turns with another urgency."""
        if stream.urgency != urgency:
            stream.urgency = urgency
            self.turns.leave(stream)
            self.wake_bytes(stream)

    def discard(self) -> None:
        """The connection is gone: nothing more is sent."""
        self._out.clear()

    def drop(self, stream: Sending) -> None:
        """Send nothing more of this stream."""
        self.turns.leave(stream)
        if stream in self._heads:
            self._heads.remove(stream)

    def _schedule(self) -> None:
        if not self.corked and not self._scheduled:
            self._scheduled = True
            self._loop.call_soon(self.pump)

    def widen(self, increment: int) -> None:
        """The viewer has room for more bytes on the connection. Raises ConnectionFault if that is too many."""
        self.window += increment
        if self.window > MAX_WINDOW:
            raise ConnectionFault(Code.FLOW_CONTROL_ERROR, "the connection's window is too large")

    # -- a hit -------------------------------------------------------------------------------------------------

    def send_whole(self, number: int, head: bytes, body: bytes) -> bool:
        """Send a whole response on a new stream, if it need not wait for anything; else False, and nothing is sent."""
        size = len(body)
        if (
            size > self.window
            or size > self.initial_window
            or self._out_bytes + size > MAX_AT_ONCE
            or self.paused
            or self.turns
            or self._heads
        ):
            return False
        self.window -= size
        self._out_bytes += size
        block, out, most = block_of(head).block, self._out, self.max_frame
        headers = headers_frames(number, block, end_stream=not size, max_frame=most)
        if 0 < size <= MAX_COPIED_BODY:
            out.append(headers + frame_head(Kind.DATA, END_STREAM, number, size) + body)
        else:
            out.append(headers)
            if size:
                frames_of(memoryview(body), number, most, out, end_stream=True)
        self._allowance.earn(size)
        if not self.corked:
            self.pump()
        return True

    # -- sending -----------------------------------------------------------------------------------------------

    def pump(self) -> None:
        """Send what may be sent now."""
        self._scheduled = False
        corked, self.corked = self.corked, True
        try:
            while True:
                out, self._out, self._out_bytes = self._out, [], 0
                if not self.paused:
                    self._collect(out)
                if len(out) == 1:
                    self.transport.write(out[0])
                elif out:
                    self.transport.writelines(out)
                if not self._out and (self.paused or not self._has_work()):
                    return
        finally:
            self.corked = corked

    def _has_work(self) -> bool:
        return bool(self._heads or (self.turns and self.window > 0))

    def _collect(self, out: Pieces) -> None:
        while self._heads:
            self._send_head(self._heads.popleft(), out)
        room = WRITE_BYTES
        while room > 0 and self.window > 0:
            stream = self.turns.next()
            if stream is None:
                return
            room -= self._send_turn(stream, out)

    def _send_head(self, stream: Sending, out: Pieces) -> None:
        block, stream.block = stream.block or b"", None
        ends = stream.ended and not stream.queued
        out.append(headers_frames(stream.number, block, end_stream=ends, max_frame=self.max_frame))
        if ends:
            stream.on_end_sent()
        elif stream.queued and stream.window > 0:
            self.turns.join(stream, stream.urgency)

    def _send_turn(self, stream: Sending, out: Pieces) -> int:
        size = min(stream.turn_left, stream.window, self.window, stream.queued)
        if size <= 0:
            return 0
        sent = stream.cut(size, self.max_frame, out)
        stream.window -= sent
        self.window -= sent
        self.progressed = True
        self._allowance.earn(sent)
        if sent < size:
            return sent
        stream.turn_left -= sent
        goes_on = stream.turn_left > 0 and not self.window  # its turn was cut short by the connection's window
        if not goes_on:
            stream.turn_left = TURN_BYTES
        if stream.queued:
            if stream.window > 0:
                self.turns.join(stream, stream.urgency, first=goes_on)
            stream.on_sent()
        elif stream.ended:
            stream.on_end_sent()
        else:
            stream.on_sent()
        return sent


def frames_of(data: memoryview, number: int, max_frame: int, out: Pieces, *, end_stream: bool) -> None:
    """Append these bytes, which are not empty, as DATA frames."""
    size, at = len(data), 0
    if size > max_frame:
        head = frame_head(Kind.DATA, 0, number, max_frame)
        while size - at > max_frame:
            out.append(head)
            out.append(data[at : at + max_frame])
            at += max_frame
    out.append(frame_head(Kind.DATA, END_STREAM if end_stream else 0, number, size - at))
    out.append(data[at:])
