"""One fetch, many readers: bytes flow to all of them while it lasts. A slice of a large object has a fill of its own.

The fetch belongs to the cache, not to the viewer who asked first: a reader who leaves takes nothing with him. Readers
are told by plain calls, no task each; a reader pulls with `read` at his own pace. While the response is being kept all
its bytes stay until the end (objects larger than the cache takes are passed, not kept). While it is passed, bytes
that every reader has had are let go, and the upstream is paused when the slowest is `MAX_BYTES_BEHIND` back; whoever
holds up somebody else so is cut off after a while (`slow_readers`). Over 300 lines because the protocol of its
readers stands beside the machine that calls them.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Mapping
from typing import Protocol

from cache.body import Body, Pieces, view
from cache.entry import Entry
from cache.fills.fill_state import ENDED, TRANSITIONS, FillEvent, FillState
from kernel.errors import Bug, MatineeError
from kernel.fetch_reasons import ReleaseReason

MAX_BYTES_BEHIND = 1 << 20  # bytes of a passed response that wait for the slowest reader before the upstream is paused


class Reader(Protocol):
    """Somebody who waits for a fill; each call comes on the loop and must not block."""

    position: int
    """The next byte of the body he wants."""

    def matches(self, entry: Entry) -> bool:
        """Whether this response answers what he asked (Vary)."""

    def is_covered_by(self, entry: Entry, first: int, stop: int) -> bool:
        """Whether all that he wants of this response lies from `first` to `stop` (not included)."""

    def sends_same_request(self, request: Mapping[bytes, bytes]) -> bool:
        """Whether upstream would be told the very same of this request as of the one with these fields."""

    def on_interim(self, head: bytes) -> None:
        """An interim response came, ready to be written (RFC 9110 §15.2)."""

    def on_head(self, fill: Fill) -> None:
        """The head is known (`fill.entry`)."""

    def on_bytes(self) -> None:
        """More can be read."""

    def on_end(self) -> None:
        """The body is whole."""

    def on_not_modified(self, entry: Entry) -> None:
        """What was stored still holds: serve that."""

    def on_sliced(self, entry: Entry) -> None:
        """The object is kept in slices: read those."""

    def on_failed(self, error: MatineeError) -> None:
        """Nothing more will come."""

    def on_released(self, why: ReleaseReason) -> None:
        """This fill is not for this reader; `why` says what to do instead."""


class Fill:
    """A running fetch of one cache key. Times are mono seconds.

    `request`: the fields by which alternates are told apart; `base`: where in the object its first byte lies. Positions
    are counted from the object's beginning.
    """

    __slots__ = (
        "_chunks",
        "_ends",
        "_pausing",
        "base",
        "body",
        "entry",
        "error",
        "key",
        "leader",
        "leader_only_headers",
        "pause",
        "purged",
        "readers",
        "received",
        "request",
        "resume",
        "shared",
        "stale",
        "started",
        "state",
        "unsure",
    )

    def __init__(
        self, key: bytes, started: float, stale: Entry | None = None, request: Mapping[bytes, bytes] | None = None
    ) -> None:
        self.key = key
        self.started = started
        self.stale = stale
        self.state = FillState.ASKED
        self.entry: Entry | None = None
        self.error: MatineeError | None = None
        self.readers: dict[Reader, None] = {}
        self.leader: Reader | None = None
        self.leader_only_headers = (
            b""  # header lines that only he may have: what is shared goes without (RFC 9111 §5.2.2.7)
        )
        self.request = request if request is not None else {}
        self.base = self.received = 0
        self.body: Body | None = None
        self.purged = False
        self.unsure = b""  # why its head cannot say that it will be stored (`kernel.vocabulary.NotStored`)
        self.shared = True
        self.pause: Callable[[], object] | None = None
        self.resume: Callable[[], object] | None = None
        self._pausing = False
        self._chunks: list[bytes] = []
        self._ends: list[int] = []

    def __repr__(self) -> str:
        return f"<Fill {self.key!r} {self.state} {self.received} bytes, {len(self.readers)} readers>"

    def _apply(self, event: FillEvent) -> None:
        new = TRANSITIONS.get((self.state, event))
        if new is None:
            raise Bug(f"{self!r} cannot take {event}")
        self.state = new

    # -- readers' side -----------------------------------------------------------------------------------------

    @property
    def is_joinable(self) -> bool:
        """Whether a newcomer may wait here."""
        return not self.purged and self.state in (FillState.ASKED, FillState.FILLING)

    def join(self, reader: Reader) -> None:
        """Wait here; a head that is already known is told at once."""
        self.readers[reader] = None
        if self.entry is not None:
            reader.on_head(self)

    def leave(self, reader: Reader) -> None:
        """Stop waiting; the fill goes on."""
        self.readers.pop(reader, None)
        if reader is self.leader:
            self.leader = None
        if self.state is FillState.PASSING_THROUGH:
            self._drop_read_chunks()

    def read(self, position: int, most: int) -> bytes | memoryview | None:
        """Bytes from `position` on, at most `most` of them; None when there are none yet."""
        if self.body is not None:
            first = position - self.base
            stop = min(first + most, len(self.body))
            return view(self.body, first, stop) if 0 <= first < stop else None
        at = bisect_right(self._ends, position)
        if at == len(self._chunks) or position < self.base:
            return None
        chunk = self._chunks[at]
        skip = position - (self._ends[at] - len(chunk))
        if skip == 0 and len(chunk) <= most:
            return chunk
        return memoryview(chunk)[skip : skip + most] if skip >= 0 else None  # let go already

    def can_read_from(self, position: int) -> bool:
        """Whether a newcomer can still have the byte there: what is passed on is let go as it is read."""
        return self.state is not FillState.PASSING_THROUGH or self.received - sum(map(len, self._chunks)) <= position

    def on_reader_advanced(self) -> None:
        """A reader has moved on: in passing, let go what all have had, and let the upstream go on."""
        if self.state is FillState.PASSING_THROUGH:
            self._drop_read_chunks()

    # -- the upstream's side -----------------------------------------------------------------------------------

    def receive_head(
        self,
        entry: Entry,
        *,
        kept: bool,
        why: ReleaseReason = ReleaseReason.ALTERNATE,
        frees: Callable[[Reader], bool] | None = None,
    ) -> None:
        """The head came. `frees` says of each waiter whether he must go alone (an answer not for everybody)."""
        self._apply(FillEvent.HEAD_KEPT if kept else FillEvent.HEAD_PASSED)
        self.entry = entry
        freed = self._detach_readers(frees)
        for reader in tuple(self.readers):
            reader.on_head(self)
        for reader in freed:
            reader.on_released(why)

    def set_base(self, position: int) -> None:
        """Its first byte is not the object's first."""
        self.base = self.received = position

    def redirect_to_slices(self, entry: Entry, *, frees: Callable[[Reader], bool] | None = None) -> None:
        """The head came and the object is kept in slices. `frees` says whom it does not answer (Vary)."""
        self._apply(FillEvent.HEAD_SLICED)
        self.entry = entry
        freed = self._detach_readers(frees)
        readers, self.readers = self.readers, {}
        for reader in readers:
            reader.on_sliced(entry)
        for reader in freed:
            reader.on_released(ReleaseReason.ALTERNATE)

    def release(self, why: ReleaseReason, frees: Callable[[Reader], bool]) -> None:
        """Send some of the readers away."""
        for reader in self._detach_readers(frees):
            reader.on_released(why)

    def _detach_readers(self, frees: Callable[[Reader], bool] | None) -> list[Reader]:
        """Those whom this fill is not for, no longer among its readers."""
        freed = [reader for reader in self.readers if frees is not None and frees(reader)]
        for reader in freed:
            del self.readers[reader]
        return freed

    def receive_interim(self, head: bytes) -> None:
        """An interim response came: it is for those who wait now, and not kept."""
        if self.state is FillState.ASKED:
            for reader in tuple(self.readers):
                reader.on_interim(head)

    def append_body(self, data: bytes) -> None:
        """Bytes of the body came."""
        self._chunks.append(data)
        self.received += len(data)
        self._ends.append(self.received)
        for reader in tuple(self.readers):
            reader.on_bytes()
        if self.state is FillState.PASSING_THROUGH:
            self._drop_read_chunks()

    def stop_keeping(self, event: FillEvent) -> None:
        """From now on it is not kept (too large, purged); the readers there are read on."""
        self._apply(event)
        self.purged = True
        if self.state is FillState.PASSING_THROUGH:
            self._drop_read_chunks()

    def purge(self) -> None:
        """What it brings may be old: it is not kept, and whoever asks from now on begins another."""
        if self.state is FillState.FILLING:
            self.stop_keeping(FillEvent.PURGED)
        self.purged = True

    def end(self) -> list[bytes] | None:
        """The body is whole; its pieces when it is to be stored: then call `set_body` with the one made of them."""
        kept = self.state is FillState.FILLING
        self._apply(FillEvent.END)
        return self._chunks if kept else None

    def set_body(self, body: Body) -> None:
        """The body as it is stored: who still reads goes on from there, the pieces are let go, unless it is made of
        them."""
        if not isinstance(body, Pieces):
            self.body = body
            self._chunks, self._ends = [], []

    def notify_end(self) -> None:
        """Tell the readers that all is there."""
        readers, self.readers = self.readers, {}
        for reader in readers:
            reader.on_end()

    def not_modified(self, entry: Entry) -> None:
        """A 304: the stored entry serves everybody."""
        self._apply(FillEvent.NOT_MODIFIED)
        readers, self.readers = self.readers, {}
        for reader in readers:
            reader.on_not_modified(entry)

    def fail(self, error: MatineeError) -> None:
        """Nothing more will come."""
        if self.state in ENDED:
            return
        self._apply(FillEvent.ERROR)
        self.error = error
        readers, self.readers = self.readers, {}
        for reader in readers:
            reader.on_failed(error)

    def slow_readers(self) -> list[Reader]:
        """Who keeps others waiting while it is passed: far behind, where somebody has had everything."""
        if all(reader.position < self.received for reader in self.readers):
            return []
        return [reader for reader in self.readers if self.received - reader.position > MAX_BYTES_BEHIND // 2]

    def _drop_read_chunks(self) -> None:
        """Forget what every reader has had; pause or resume the upstream by how far the slowest is back."""
        slowest = min((reader.position for reader in self.readers), default=self.received)
        drop = bisect_right(self._ends, slowest)
        if drop:
            del self._chunks[:drop]
            del self._ends[:drop]
        behind = self.received - slowest
        if not self._pausing and behind > MAX_BYTES_BEHIND and self.pause is not None:
            self._pausing = True
            self.pause()
        elif self._pausing and behind <= MAX_BYTES_BEHIND // 2 and self.resume is not None:
            self._pausing = False
            self.resume()
