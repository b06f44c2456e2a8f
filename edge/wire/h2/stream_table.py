"""The streams of one connection: those that are open, and how the latest closed ones were closed.

Decides by the table of states what a frame means to its stream. Ends streams, by us or by the viewer, and with them the
work for their requests.
"""

from __future__ import annotations

from collections import deque
from typing import Protocol

from edge.counters import Counts
from edge.wire.h2.allowance import Allowance
from edge.wire.h2.frame_sender import FrameSender
from edge.wire.h2.frames import Code, ConnectionFault, reset_frame
from edge.wire.h2.stream import Stream
from edge.wire.h2.stream_states import CLOSED, TRANSITIONS, StreamInput, StreamState, Wrong
from edge.wire.request_template import Grant
from edge.wire.viewer import Viewer
from kernel.vocabulary import Abort

MAX_STREAMS = 100
"""Streams that a viewer may have open."""
MAX_CLOSED_KNOWN = 256
"""Closed streams of which is known how they were closed."""


def count_one(counted: dict[str, int], name: str) -> None:
    """Count one more under this name."""
    counted[name] = counted.get(name, 0) + 1


class StreamsOwner(Protocol):
    """The connection, as its streams see it."""

    address: str
    viewer: Viewer
    grants: dict[bytes, Grant]
    ticks: int
    served: int

    def aborted(self, why: Abort, detail: str) -> None:
        """Count and log that a response is cut."""

    def on_room(self) -> None:
        """Streams have ended, or fewer bytes wait."""


class StreamTable:
    """See the module. Implements `edge.wire.h2.stream.StreamOwner`.

    `last`: the highest number that the viewer has used. `queued`: bytes of responses that wait for the viewer. `final`:
    the viewer was told that no further stream is answered; what they send on one is ignored (RFC 9113 §6.8).
    """

    __slots__ = (
        "_allowance",
        "_ended",
        "_reset",
        "connection",
        "counts",
        "early",
        "final",
        "last",
        "queued",
        "sender",
        "streams",
    )

    def __init__(self, connection: StreamsOwner, sender: FrameSender, allowance: Allowance, counts: Counts) -> None:
        self.connection = connection
        self.sender = sender
        self.counts = counts
        self.streams: dict[int, Stream] = {}
        self.early: dict[int, int] = {}
        """Urgencies that came before their streams."""
        self.last = self.queued = 0
        self.final = False
        self._allowance = allowance
        self._ended: deque[int] = deque(maxlen=MAX_CLOSED_KNOWN)
        self._reset: dict[int, StreamState] = {}

    # -- finding -----------------------------------------------------------------------------------------------

    def state_of(self, number: int) -> StreamState:
        """The state of a stream."""
        stream = self.streams.get(number)
        if stream is not None:
            return stream.state
        if number > self.last or not number & 1:
            return StreamState.RESET if self.final and number & 1 else StreamState.IDLE
        if number in self._ended:
            return StreamState.ENDED
        return self._reset.get(number, StreamState.FORGOTTEN)

    def move(self, number: int, what: StreamInput) -> Stream | None:
        """What happens to an opened stream; returns it if it is not closed by now. Raises ConnectionFault."""
        stream, found = self.streams.get(number), TRANSITIONS[self.state_of(number), what]
        if isinstance(found, Wrong):
            if found.fatal:
                raise ConnectionFault(found.code, f"{what.value} on stream {number}")
            if stream is not None:
                self.reset_stream(stream, found.code)
            else:
                self.refuse(number, found.code)
            return None
        if stream is None or found is None:
            return None
        stream.state = found
        return stream

    # -- opening and closing -----------------------------------------------------------------------------------

    def open(self, number: int, urgency: int, state: StreamState) -> Stream:
        """Open a stream."""
        if self.early:
            urgency = self.early.pop(number, urgency)
        stream = self.streams[number] = Stream(number, self, urgency)
        stream.state = state
        return stream

    def close(self, stream: Stream, state: StreamState) -> None:
        """Forget a stream, and end the work for it if it is not complete."""
        self.streams.pop(stream.number, None)
        if state is StreamState.ENDED:
            self._ended.append(stream.number)
        else:
            self._remember(stream.number, state)
        stream.close(state)
        self.connection.on_room()

    def note_ended(self, number: int) -> None:
        """A stream was opened and whole responses sent at once."""
        self._ended.append(number)

    def _remember(self, number: int, state: StreamState) -> None:
        if len(self._reset) >= MAX_CLOSED_KNOWN:
            del self._reset[next(iter(self._reset))]
        self._reset[number] = state

    def refuse(self, number: int, code: Code) -> None:
        """Reset a stream that is not open. Raises ConnectionFault if that happens too often."""
        self.sender.queue(reset_frame(number, code))
        count_one(self.counts.h2_resets, code.name.lower())
        if number & 1 and number <= self.last:
            self._remember(number, StreamState.RESET)
        self.spend_reset()

    def spend_reset(self) -> None:
        """Raises ConnectionFault if too many streams were cancelled or failed (CVE-2023-44487, CVE-2025-8671)."""
        if not self._allowance.spend_reset():
            raise ConnectionFault(Code.ENHANCE_YOUR_CALM, "too many streams cancelled")

    # -- what streams tell -------------------------------------------------------------------------------------

    @property
    def address(self) -> str:
        """The viewer's address."""
        return self.connection.address

    @property
    def viewer(self) -> Viewer:
        """The connection's viewer."""
        return self.connection.viewer

    @property
    def grants(self) -> dict[bytes, Grant]:
        """The connection's."""
        return self.connection.grants

    def aborted(self, why: Abort, detail: str) -> None:
        """See StreamOwner."""
        self.connection.aborted(why, detail)

    def on_queued(self, number: int) -> None:
        """See StreamOwner."""
        self.queued += number
        if number < 0:
            self.connection.on_room()

    def on_done(self, stream: Stream) -> None:
        """See StreamOwner."""
        del stream
        self.connection.ticks = 0
        self.connection.served += 1
        self._allowance.earn_response()

    def on_ended(self, stream: Stream) -> None:
        """See StreamOwner. A request whose body is still coming is cut short without an error (RFC 9113 §8.1)."""
        if stream.state in CLOSED:
            return
        if stream.state is StreamState.HALF_REMOTE:
            self.close(stream, StreamState.ENDED)
        else:
            self.sender.queue(reset_frame(stream.number, Code.NO_ERROR))
            self.close(stream, StreamState.RESET)

    def reset_stream(self, stream: Stream, code: Code) -> None:
        """See StreamOwner."""
        if stream.state in CLOSED:
            return
        self.sender.queue(reset_frame(stream.number, code))
        count_one(self.counts.h2_resets, code.name.lower())
        self.close(stream, StreamState.RESET)
