"""A fill: one fetch with many readers, all of which get bytes as they arrive. Each slice has a fill of its own. Pure.

The fetch belongs to the cache, not to the first viewer: it goes on when readers leave. Readers are notified by plain
calls, not tasks, and pull bytes with `read` at their own pace. A response that will be stored keeps all its bytes until
the end. A response that passes through drops bytes once every reader has them; the upstream is paused while the
slowest reader is more than `MAX_BYTES_BEHIND` behind, and a reader that delays others for long is cut off
(`slow_readers`). Over 300 lines because the protocol of readers belongs with the class that calls it.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Mapping
from typing import Protocol

from cache.body import Body, Chunk, Pieces, SpoolFile, view
from cache.entry import Entry
from cache.fills.fill_state import ENDED, TRANSITIONS, FillEvent, FillState
from kernel.errors import Bug, MatineeError
from kernel.fetch_reasons import ReleaseReason

MAX_BYTES_BEHIND = 1 << 20
"""Bytes that the slowest reader may be behind, in a response that passes through, before the upstream is paused."""


class Reader(Protocol):
    """A consumer of a fill. All calls come on the event loop and must not block.

    What has a body here is the default of readers of a slice: its alternate was chosen before, and no head is sent.
    """

    __slots__ = ()
    position: int
    """The next byte of the body that the reader wants, counted from the start of the object."""

    def matches(self, entry: Entry) -> bool:
        """Whether this response answers the reader's request (Vary)."""
        del entry
        return True

    def is_covered_by(self, entry: Entry, first: int, stop: int) -> bool:
        """Whether everything the reader wants of this response is in the bytes `first` to `stop` (exclusive)."""
        del entry
        return first <= self.position < stop

    def sends_same_request(self, request: Mapping[bytes, bytes]) -> bool:
        """Whether this request would be sent upstream exactly as the one with these fields."""
        del request
        return True

    def on_interim(self, head: bytes) -> None:
        """An interim response arrived, already serialised (RFC 9110 §15.2)."""
        del head

    def on_head(self, fill: Fill) -> None:
        """The head arrived; it is in `fill.entry`."""
        del fill

    def on_bytes(self) -> None:
        """More bytes can be read."""

    def on_end(self) -> None:
        """The body is complete."""

    def on_not_modified(self, entry: Entry) -> None:
        """Upstream answered 304: serve the stored response."""
        del entry

    def on_sliced(self, entry: Entry) -> None:
        """The object is cached in slices: read those."""
        del entry

    def on_failed(self, error: MatineeError) -> None:
        """The fetch failed; no more bytes will come."""

    def on_released(self, why: ReleaseReason) -> None:
        """This fill is not for this reader; `why` says what to do instead."""


class Fill:
    """A running fetch of one cache key. Times are monotonic seconds; positions count from the start of the object.

    `request`: the request fields, to tell alternates apart; `base`: the position of the first byte of this response.
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
        "spool",
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
        # Header lines only for the leader: a shared response goes without them (RFC 9111 §5.2.2.7).
        self.leader_only_headers = b""
        self.request = request if request is not None else {}
        self.base = self.received = 0
        self.body: Body | None = None
        self.spool: SpoolFile | None = None  # its first bytes, if they are written to a file while the rest comes
        self.purged = False
        self.unsure = b""  # why storing is not certain yet (`kernel.vocabulary.NotStored`)
        self.shared = True
        self.pause: Callable[[], object] | None = None
        self.resume: Callable[[], object] | None = None
        self._pausing = False
        self._chunks: list[Chunk] = []
        self._ends: list[int] = []

    def __repr__(self) -> str:
        return f"<Fill {self.key!r} {self.state} {self.received} bytes, {len(self.readers)} readers>"

    def _apply(self, event: FillEvent) -> None:
        new = TRANSITIONS.get((self.state, event))
        if new is None:
            raise Bug(f"{self!r} does not allow {event}")
        self.state = new

    # -- called by readers -----------------------------------------------------------------------------------------

    @property
    def is_joinable(self) -> bool:
        """Whether a new reader may join."""
        is_being_sliced = self.state is FillState.STORED and self.spool is not None
        return not self.purged and (self.state in (FillState.ASKED, FillState.FILLING) or is_being_sliced)

    def join(self, reader: Reader) -> None:
        """Add a reader; calls its `on_head` at once if the head is known."""
        self.readers[reader] = None
        if self.entry is not None:
            reader.on_head(self)

    def leave(self, reader: Reader) -> None:
        """Remove a reader; the fetch goes on."""
        self.readers.pop(reader, None)
        if reader is self.leader:
            self.leader = None
        if self.state is FillState.PASSING_THROUGH:
            self._drop_read_chunks()

    def read(self, position: int, most: int) -> Chunk | None:
        """Up to `most` bytes from `position`; None when they have not arrived yet or are dropped. Raises OSError when
        the file that holds them cannot be read."""
        if self.spool is not None and position < len(self.spool):
            return self.spool.view(position, min(position + most, len(self.spool)))
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
        return memoryview(chunk)[skip : skip + most] if skip >= 0 else None  # already dropped

    def can_read_from(self, position: int) -> bool:
        """Whether the byte at `position` is still held: a response that passes through drops bytes as they are read."""
        return self.state is not FillState.PASSING_THROUGH or self.received - sum(map(len, self._chunks)) <= position

    @property
    def is_pausing(self) -> bool:
        """Whether the upstream is paused because a reader is far behind."""
        return self._pausing

    def on_reader_advanced(self) -> None:
        """A reader advanced: drop bytes that all readers have and resume the upstream if it was paused."""
        if self.state is FillState.PASSING_THROUGH:
            self._drop_read_chunks()

    # -- called by the fetch -----------------------------------------------------------------------------------

    def receive_head(
        self,
        entry: Entry,
        *,
        kept: bool,
        why: ReleaseReason = ReleaseReason.ALTERNATE,
        frees: Callable[[Reader], bool] | None = None,
    ) -> None:
        """The head arrived. `kept`: it will be stored. Readers for which `frees` is true are released with reason
        `why`."""
        self._apply(FillEvent.HEAD_KEPT if kept else FillEvent.HEAD_PASSED)
        self.entry = entry
        freed = self._detach_readers(frees)
        for reader in tuple(self.readers):
            reader.on_head(self)
        for reader in freed:
            reader.on_released(why)

    def set_base(self, position: int) -> None:
        """Set the position of the first byte of the response, for a partial one."""
        self.base = self.received = position

    def redirect_to_slices(self, entry: Entry, *, frees: Callable[[Reader], bool] | None = None) -> None:
        """The head arrived and the object is cached in slices. `frees`: readers that it does not answer (Vary)."""
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
        """Remove and return the readers for which `frees` is true."""
        freed = [reader for reader in self.readers if frees is not None and frees(reader)]
        for reader in freed:
            del self.readers[reader]
        return freed

    def receive_interim(self, head: bytes) -> None:
        """An interim response arrived: pass it to current readers; it is not stored."""
        if self.state is FillState.ASKED:
            for reader in tuple(self.readers):
                reader.on_interim(head)

    def append_body(self, data: Chunk) -> None:
        """Append bytes of the body and notify readers."""
        self._chunks.append(data)
        self.received += len(data)
        self._ends.append(self.received)
        for reader in tuple(self.readers):
            reader.on_bytes()
        if self.state is FillState.PASSING_THROUGH:
            self._drop_read_chunks()

    def unspooled_chunks(self) -> list[Chunk]:
        """What came and is not written to the spool file."""
        return self._chunks[:]

    def drop_spooled_chunks(self) -> None:
        """Free what is written to the spool file: readers read it from there."""
        drop = bisect_right(self._ends, len(self.spool)) if self.spool is not None else 0
        del self._chunks[:drop], self._ends[:drop]

    def stop_keeping(self, event: FillEvent) -> None:
        """Do not store it (too large, purged); current readers read on."""
        self._apply(event)
        self.purged = True
        if self.state is FillState.PASSING_THROUGH:
            self._drop_read_chunks()

    def purge(self) -> None:
        """The response may be out of date: do not store it, and let new requests start another fill."""
        if self.state is FillState.FILLING:
            self.stop_keeping(FillEvent.PURGED)
        self.purged = True

    def end(self) -> list[Chunk] | None:
        """The body is complete. Returns its pieces if it is to be stored: then call `set_body` with them joined."""
        kept = self.state is FillState.FILLING
        self._apply(FillEvent.END)
        return self._chunks if kept else None

    def set_body(self, body: Body) -> None:
        """Set the stored body: remaining readers read from it, and the pieces are freed unless it is made of them."""
        if not isinstance(body, Pieces):
            self.body = body
            self._chunks, self._ends = [], []

    def notify_end(self) -> None:
        """Tell all readers that the body is complete."""
        readers, self.readers = self.readers, {}
        for reader in readers:
            reader.on_end()

    def not_modified(self, entry: Entry) -> None:
        """Upstream answered 304: all readers serve the stored `entry`."""
        self._apply(FillEvent.NOT_MODIFIED)
        readers, self.readers = self.readers, {}
        for reader in readers:
            reader.on_not_modified(entry)

    def fail(self, error: MatineeError) -> None:
        """The fetch failed; tell all readers. No effect after the end."""
        if self.state in ENDED:
            return
        self._apply(FillEvent.ERROR)
        self.error = error
        readers, self.readers = self.readers, {}
        for reader in readers:
            reader.on_failed(error)

    def slow_readers(self) -> list[Reader]:
        """Readers that delay others: more than half of `MAX_BYTES_BEHIND` behind while another one has every byte."""
        if all(reader.position < self.received for reader in self.readers):
            return []
        spooled = len(self.spool) if self.spool is not None else 0
        return [one for one in self.readers if self.received - max(one.position, spooled) > MAX_BYTES_BEHIND // 2]

    def _drop_read_chunks(self) -> None:
        """Drop chunks that every reader has; pause or resume the upstream by how far the slowest is behind."""
        slowest = min((reader.position for reader in self.readers), default=self.received)
        slowest = max(slowest, len(self.spool) if self.spool is not None else 0)
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
