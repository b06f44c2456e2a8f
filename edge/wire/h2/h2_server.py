"""HTTP/2 from viewers: one connection, from its bytes to what becomes of them (RFC 9113).

A thin shell: frames are read by `frames`, requests and bodies go to `request_intake`, states are kept by
`stream_table`, and `frame_sender` sends. Here are the connection's own frames, its drain and its end. Over 300 lines
because every event of the parser has its few lines here.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, cast

from edge.counters import Counts
from edge.wire.body_sender import reset_connection
from edge.wire.h2.allowance import Allowance
from edge.wire.h2.frame_sender import FrameSender
from edge.wire.h2.frames import (
    MAX_WINDOW,
    SETTINGS_ACK,
    Code,
    ConnectionFault,
    Data,
    FrameParser,
    GoAway,
    Headers,
    Ignored,
    Ping,
    Priority,
    PriorityUpdate,
    Reset,
    Setting,
    Settings,
    SettingsAck,
    StreamFault,
    WindowUpdate,
    goaway_frame,
    ping_ack,
    settings_frame,
)
from edge.wire.h2.request_intake import RequestIntake
from edge.wire.h2.stream_states import StreamInput, StreamState
from edge.wire.h2.stream_table import MAX_STREAMS, StreamTable, count_one
from edge.wire.h2.turns import urgency_of
from edge.wire.head import Limits
from edge.wire.http1_server import Handler
from edge.wire.request import Malformed
from edge.wire.request_template import Grant
from edge.wire.viewer import NOBODY, Viewer
from kernel.vocabulary import Abort

WRITE_HIGH = 256 * 1024
"""Bytes in the socket's queue above which nothing more is written: what is urgent cannot overtake them."""
OURS = {Setting.MAX_CONCURRENT_STREAMS: MAX_STREAMS, Setting.NO_RFC7540_PRIORITIES: 1}
"""Our settings; the rest are the protocol's defaults."""


class Http2Connection(asyncio.Protocol):
    """See the module. Counted in seconds: `ticks` since a request came or was answered, `frame_ticks` since a frame was
    complete, `drain_ticks` since the drain began. `lingering`: GOAWAY is sent, the viewer's end is awaited.
    """

    __slots__ = (
        "_allowance", "_closing", "_counts", "_ended", "_handler", "_limits", "_parser", "address", "drain_ticks",
        "frame_ticks", "grants", "intake", "last_progress", "lingering", "retiring", "sender", "served", "table",
        "ticks", "transport", "viewer",
    )  # fmt: skip

    sender: FrameSender
    table: StreamTable
    intake: RequestIntake

    def __init__(self, handler: Handler, limits: Limits, counts: Counts) -> None:
        self.transport = cast("asyncio.Transport", None)
        self._handler = handler
        self._limits = limits
        self._counts = counts
        self._parser = FrameParser(limits.whole_head)
        self._allowance = Allowance()
        self._closing = self._ended = self.retiring = self.lingering = False
        self.address = ""
        self.viewer: Viewer = NOBODY
        self.grants: dict[bytes, Grant] = {}
        self.ticks = self.frame_ticks = self.drain_ticks = self.served = self.last_progress = 0

    # -- the transport's side ----------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A viewer connected."""
        self.transport = cast("asyncio.Transport", transport)
        self.transport.set_write_buffer_limits(high=WRITE_HIGH)
        peer = transport.get_extra_info("peername")
        self.address = peer[0] if peer else ""
        self.sender = FrameSender(self.transport, self._allowance)
        self.table = StreamTable(self, self.sender, self._allowance, self._counts)
        self.intake = RequestIntake(self.table, self._handler, self._limits, self._allowance)
        self.sender.queue(settings_frame(OURS))
        self._counts.h2_connections += 1
        self._handler.on_connection_opened(self)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 (asyncio calls it so)
        """Tell all that works for the viewer."""
        self._closing = True
        self._counts.h2_connections -= 1
        for stream in tuple(self.table.streams.values()):
            self.table.close(stream, StreamState.LEFT)
        self.sender.discard()
        self._handler.on_connection_closed(self)

    def data_received(self, data: bytes) -> None:
        """Read; requests are handled from within, and what they write is sent at the end."""
        if self._closing:
            return  # discarded, see `_end`
        sender = self.sender
        sender.corked = True
        try:
            for event in self._parser.feed(data):
                self.frame_ticks = 0
                _HANDLERS[type(event)](self, event)
            self.intake.give_back_window()
        except ConnectionFault as fault:
            self._end_for(fault)
        finally:
            sender.corked = False
            sender.pump()
        if self._ended or self.table.final:
            self._close_if_done()

    def eof_received(self) -> bool:
        """Answer what was asked, though the viewer sends no more. False closes at once."""
        self._ended = True
        return bool(self.table.streams) and self.transport.can_write_eof()  # TLS cannot end one side alone

    def pause_writing(self) -> None:
        """The viewer's socket is full."""
        self.sender.paused = True

    def resume_writing(self) -> None:
        """The viewer's socket has room again."""
        self.sender.paused = False
        self.sender.pump()

    # -- frames of the connection ------------------------------------------------------------------------------

    def _spend_frame(self, what: str) -> None:
        if not self._allowance.spend_frame():
            raise ConnectionFault(Code.ENHANCE_YOUR_CALM, f"too many frames without use: {what}")

    def _on_headers(self, event: Headers) -> None:
        self.intake.on_headers(event)

    def _on_data(self, event: Data) -> None:
        if not event.data and not event.end_stream:
            self._spend_frame("empty DATA")
        self.intake.on_data(event)

    def _on_reset(self, event: Reset) -> None:
        stream = self.table.move(event.stream, StreamInput.RESET)
        if stream is None:
            self._spend_frame("RST_STREAM")
            return
        count_one(self._counts.h2_resets, "viewer")
        self.table.close(stream, StreamState.LEFT)
        self.table.spend_reset()

    def _on_settings(self, event: Settings) -> None:
        self._spend_frame("SETTINGS")
        for name, value in event.values:
            if name == Setting.INITIAL_WINDOW_SIZE:
                self._resize_windows(value)
            elif name == Setting.MAX_FRAME_SIZE:
                self.sender.max_frame = min(value, WRITE_HIGH)
        self.sender.queue(SETTINGS_ACK)

    def _resize_windows(self, initial: int) -> None:
        """Open streams' windows change by the difference, and may be below zero then (§6.9.2)."""
        more = initial - self.sender.initial_window
        self.sender.initial_window = initial
        for stream in self.table.streams.values():
            stream.window += more
            if stream.window > MAX_WINDOW:
                raise ConnectionFault(Code.FLOW_CONTROL_ERROR, "a stream's window is too large")
            self.sender.wake_bytes(stream)

    def _on_settings_ack(self, event: SettingsAck) -> None:
        del event
        self._spend_frame("SETTINGS")

    def _on_ping(self, event: Ping) -> None:
        self._spend_frame("PING")
        if not event.ack:
            self.sender.queue(ping_ack(event.data))

    def _on_goaway(self, event: GoAway) -> None:
        del event
        self._spend_frame("GOAWAY")

    def _on_window_update(self, event: WindowUpdate) -> None:
        self._spend_frame("WINDOW_UPDATE")
        if not event.stream:
            self.sender.widen(event.increment)
            return
        stream = self.table.move(event.stream, StreamInput.WINDOW)
        if stream is None:
            return
        stream.window += event.increment
        if stream.window > MAX_WINDOW:
            self.table.reset_stream(stream, Code.FLOW_CONTROL_ERROR)
        else:
            self.sender.wake_bytes(stream)

    def _on_priority(self, event: Priority) -> None:
        del event
        self._spend_frame("PRIORITY")

    def _on_ignored(self, event: Ignored) -> None:
        del event
        self._spend_frame("of an unknown type")

    def _on_priority_update(self, event: PriorityUpdate) -> None:
        self._spend_frame("PRIORITY_UPDATE")
        table, urgency = self.table, urgency_of(event.field)
        stream = table.streams.get(event.stream)
        if stream is not None:
            self.sender.move_to_urgency(stream, urgency)
        elif event.stream > table.last and event.stream & 1 and len(table.early) < MAX_STREAMS:
            table.early[event.stream] = urgency

    def _on_stream_fault(self, fault: StreamFault) -> None:
        stream = self.table.streams.get(fault.stream)
        if stream is not None:
            self.table.reset_stream(stream, fault.code)
            self.table.spend_reset()
        else:
            self.table.refuse(fault.stream, fault.code)

    # -- what streams tell -------------------------------------------------------------------------------------

    def aborted(self, why: Abort, detail: str) -> None:
        """Let the handler count the cut."""
        self._handler.aborted(self, why, detail)

    def on_room(self) -> None:
        """See StreamsOwner."""
        if self._closing:
            return  # requests that wait are given up with the others
        self.intake.handle_waiting()
        if self._ended or self.table.final:
            self._close_if_done()

    # -- limits, drain and end ---------------------------------------------------------------------------------

    @property
    def unsent(self) -> int:
        """Bytes that the viewer's socket has not taken yet, and those that its windows hold back."""
        return self.transport.get_write_buffer_size() + self.table.queued

    @property
    def blocked(self) -> bool:
        """Whether the viewer's socket is full."""
        return bool(self.transport.get_write_buffer_size())

    @property
    def parted(self) -> bool:
        """See ViewerConnection."""
        return self.lingering and not self.transport.get_write_buffer_size()

    @property
    def in_frame(self) -> bool:
        """Whether a frame has begun to arrive, or the viewer's SETTINGS are awaited."""
        return self._parser.in_frame or self._parser.awaits_settings

    def on_second(self) -> None:
        """A second has passed."""
        self.ticks += 1
        self.frame_ticks += 1
        self.drain_ticks += self.retiring
        self._allowance.refill()
        progressed, self.sender.progressed = self.sender.progressed, False
        if self.blocked:
            return  # the socket holds all streams up: whether the viewer reads is asked of the kernel
        for stream in self.table.streams.values():
            waits_for_turn = stream.window > 0 and progressed
            stream.ticks = stream.ticks + 1 if stream.queued and not waits_for_turn else 0

    def time_out_bodies(self, late: Malformed, is_late: Callable[[int, int, int], bool]) -> None:
        """Refuse requests whose bodies do not arrive. `is_late(ticks, seconds, received)` decides."""
        try:
            self.intake.time_out_bodies(late, is_late)
        except ConnectionFault as fault:
            self._end_for(fault)

    def refuse(self, message: bytes) -> None:
        """See ViewerConnection: there is no stream yet that `message` could be sent on."""
        del message
        self._end(Code.ENHANCE_YOUR_CALM, "too many connections")
        self.sender.pump()

    def close_after_next(self) -> None:
        """Drain in two steps (§6.8): announce that it ends; `retire` ends it when streams on their way have come."""
        if self.retiring or self._closing:
            return
        self.retiring = True
        if not self.served and self.ticks and not self.table.streams:
            self.close_idle()
        else:
            self.sender.queue(goaway_frame(MAX_WINDOW, Code.NO_ERROR))

    def retire(self) -> None:
        """Answer no further stream, and close when those that are open are answered."""
        if not self.table.final:
            self.table.final = True
            self.sender.queue(goaway_frame(self.table.last, Code.NO_ERROR))
            self._close_if_done()

    def close_idle(self) -> None:
        """Close: no stream is open."""
        self._end(Code.NO_ERROR, "")
        self.sender.pump()

    def _close_if_done(self) -> None:
        if not self.table.streams and not self._closing:
            self._closing = True
            asyncio.get_running_loop().call_soon(self._close)

    def _close(self) -> None:
        self.sender.pump()
        self.transport.close()

    def time_out(self) -> None:
        """End the connection: a frame does not arrive."""
        self._end(Code.PROTOCOL_ERROR, "a frame takes too long")
        self.sender.pump()

    def _end_for(self, fault: ConnectionFault) -> None:
        count_one(self._counts.h2_ends, fault.code.name.lower())
        self._end(fault.code, fault.why)

    def _end(self, code: Code, why: str) -> None:
        """Say why, answer nothing more, and end our side; theirs is read and discarded for a while (see
        `edge.wire.body_sender`)."""
        if self._closing:
            return
        self._closing = self.lingering = True
        self.ticks = 0
        for stream in tuple(self.table.streams.values()):
            self.table.close(stream, StreamState.RESET)
        self.sender.queue(goaway_frame(self.table.last, code, why))
        asyncio.get_running_loop().call_soon(self._end_our_side)

    def _end_our_side(self) -> None:
        self.sender.pump()
        if self._ended or self.transport.is_closing():
            self.transport.close()
        elif self.transport.can_write_eof():
            self.transport.write_eof()

    def abort(self, why: Abort, detail: str = "") -> None:
        """See ViewerConnection."""
        self.aborted(why, detail)
        self._closing = True
        reset_connection(self.transport)


_HANDLERS: dict[type[Any], Callable[[Http2Connection, Any], None]] = {
    Headers: Http2Connection._on_headers,
    Data: Http2Connection._on_data,
    Reset: Http2Connection._on_reset,
    Settings: Http2Connection._on_settings,
    SettingsAck: Http2Connection._on_settings_ack,
    Ping: Http2Connection._on_ping,
    GoAway: Http2Connection._on_goaway,
    WindowUpdate: Http2Connection._on_window_update,
    Priority: Http2Connection._on_priority,
    PriorityUpdate: Http2Connection._on_priority_update,
    Ignored: Http2Connection._on_ignored,
    StreamFault: Http2Connection._on_stream_fault,
}
