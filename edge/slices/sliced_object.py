"""An object in slices while somebody reads it: who reads where, and which runs bring what is missing.

A run is one stream from upstream, cut into slices (`edge.slices.slice_fetch`); a walk is one viewer's way over them
(`edge.serve.sliced_response`). A run goes `READ_AHEAD_SLICES` slices beyond the furthest walk that needs it and no
further, so that what lies in memory does not depend on how slow a viewer is: who is behind reads from the cache.
Over 300 lines because what is there, who reads and what runs are asked of one
another at every step.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Protocol

from cache.body import Body, view
from cache.cache import SegmentCache
from cache.entry import Entry
from cache.fills.fill import Fill
from cache.leases import Lease
from cache.slices import byte_range, slice_key
from cache.slices import slice_numbers as numbers_of
from edge.policy.route import RoutedRequest
from edge.slices.content_range import stored_span, strong_etag
from edge.slices.slice_fetch import NextStep, SliceFetch

READ_AHEAD_SLICES = 2
"""Slices that a run goes beyond the furthest reader."""
MAX_UNWRITTEN_SLICES = 2
"""Slices that may wait to be written to a tier before the run waits for that."""
MAX_JOIN_DISTANCE = 4
"""A reader waits for a run that is at most so many slices back; else he begins one of his own where he is."""
MAX_FETCH_SLICES = 256
"""Slices asked for at a time."""


class SliceConsumer(Protocol):
    """Who reads: `at` is the slice he is at, `last` the last that he needs of what lies before him."""

    at: int
    last: int

    @property
    def begun(self) -> bool:
        """Whether bytes of it have gone to somebody already."""

    def changed(self) -> None:
        """The object is another one now: begin anew, or break off."""


Begin = Callable[["SlicedObject", SliceFetch, Mapping[bytes, bytes]], object]


class SlicedObject:
    """See the module. `begin(slicing, run, request)` fetches a run; `settle(slicing, entry)` calls `on_slice_written`
    once a
    slice is written; `done(slicing)` is called when nobody reads and nothing runs."""

    def __init__(
        self,
        whole: Entry,
        asked: RoutedRequest,
        cache: SegmentCache,
        begin: Begin,
        settle: Callable[[SlicedObject, Entry], object],
        done: Callable[[SlicedObject], object],
    ) -> None:
        self.whole = whole
        self.asked = asked
        self.cache = cache
        self.size = whole.slice
        self.total = whole.length or 0
        self.consumers: set[SliceConsumer] = set()
        self.fetches: list[SliceFetch] = []
        self.fills: dict[int, Fill] = {}
        self.leases: dict[int, Lease] = {}
        """Slices held for those who read, where they cannot be fetched apart."""
        self._left: dict[int, Body] = {}
        """What the last run that ended brought last."""
        self.unsettled = 0
        self.knows_ranges = True
        self.asks_whole = False
        """Whether upstream answers ranges with crumbs: then it is asked for the whole."""
        self._begin, self._settle, self._done = begin, settle, done

    # -- what is there -----------------------------------------------------------------------------------------

    @property
    def count(self) -> int:
        """How many slices there are."""
        return -(-self.total // self.size)

    @property
    def current(self) -> bool:
        """Whether the whole is still what the cache holds."""
        return self.whole in self.cache.stored(self.whole.key)

    @property
    def refetchable(self) -> bool:
        """Whether a part fetched later may stand beside these: only under one strong ETag (RFC 9110 §15.3.7.3)."""
        return strong_etag(self.whole.mark) is not None

    def stored(self, number: int) -> Entry | None:
        """What is stored of a slice of this very version: all of it, or a piece."""
        for entry in self.cache.stored(slice_key(self.whole.key, number)):
            if entry.vary == self.whole.vary and (entry.cold or entry.mark == self.whole.mark):
                return entry
        return None

    def has(self, number: int) -> bool:
        """Whether all of a slice is stored."""
        entry, (first, stop) = self.stored(number), byte_range(number, self.size, self.total)
        return entry is not None and entry.length == stop - first

    def holds(self, first: int, stop: int) -> bool:
        """Whether all these bytes are stored."""
        for number in range(first // self.size, -(-stop // self.size)):
            if not self.has(number):
                entry = self.stored(number)
                if entry is None or entry.cold:
                    return False
                low, high = stored_span(entry, number, self.size, self.total)
                if low > max(first, number * self.size) or high < min(stop, (number + 1) * self.size):
                    return False
        return True

    def reaches(self, first: int, stop: int) -> bool:
        """Whether these bytes can still be had: stored, on their way, or to be fetched apart."""
        if self.refetchable:
            return True
        for number in range(first // self.size, -(-stop // self.size)):
            begin, end = max(first, number * self.size), min(stop, (number + 1) * self.size)
            coming = number in self.fills or any(self._will_reach(run, number) for run in self.fetches)
            if not coming and self.recent(number) is None and not self.holds(begin, end):
                return False
        return True

    def recent(self, number: int) -> Body | None:
        """A slice that came just now and that no tier has kept."""
        for run in self.fetches:
            if number in run.recent:
                return run.recent[number]
        return self._left.get(number)

    @property
    def begun(self) -> bool:
        """Whether somebody has bytes of this version already, and would have to be cut off for another."""
        return any(walker.begun for walker in self.consumers)

    # -- readers -----------------------------------------------------------------------------------------------

    def join(self, walker: SliceConsumer) -> None:
        """Somebody reads."""
        self.consumers.add(walker)

    def leave(self, walker: SliceConsumer) -> None:
        """He reads no more."""
        self.consumers.discard(walker)
        self.on_progress()

    def on_progress(self) -> None:
        """A reader, or a tier, has moved on: so may the runs."""
        for run in tuple(self.fetches):
            run.wake()
        if not self.consumers:
            self.cache.leases.release(self.leases.values())
            self.leases.clear()
            if not self.fetches:
                self._done(self)

    def hold(self, spans: Iterable[tuple[int, int]], done: Callable[[bool], object]) -> None:
        """Hold what is stored of these bytes as long as somebody reads. `done(False)`: some of it has left already."""
        numbers = sorted({number for first, stop in spans for number in numbers_of(first, stop, self.size)})
        found = {n: entry for n in numbers if n not in self.leases and (entry := self.stored(n)) is not None}

        def taken(leases: list[Lease] | None) -> None:
            if leases:
                made = dict(zip(found, leases, strict=True))
                self.cache.leases.release(lease for n, lease in made.items() if n in self.leases)
                self.leases = made | self.leases
            self.on_progress()
            done(leases is not None)

        if found:
            self.cache.leases.acquire(list(found.values()), taken)
        else:
            done(True)

    def get_or_start_fill(self, number: int, request: Mapping[bytes, bytes], last: int) -> Fill | None:
        """The fill that brings a slice, running or begun now; None when it cannot be had any more.

        `last`: how far the one who asks will read on; `request`: his fields.
        """
        found = self.fills.get(number)
        if found is not None and found.can_read_from(number * self.size):
            return found
        self.fills.pop(number, None)  # a purge has made it pass on what it brings: it is for those who were there
        run = next((run for run in self.fetches if self._will_reach(run, number)), None)
        if run is None:
            if not self.refetchable:
                return None
            run = self._start_fetch(number, last)
            self.fetches.append(run)
            made = run.reserve(number)
            self._begin(self, run, request)
            return made
        return run.reserve(number)

    def look_ahead(self, number: int, request: Mapping[bytes, bytes], last: int) -> None:
        """Have a slice begun that will be needed soon."""
        if number <= last and self.refetchable and self.stored(number) is None and self.recent(number) is None:
            self.get_or_start_fill(number, request, last)

    def _will_reach(self, run: SliceFetch, number: int) -> bool:
        if not run.at <= number < run.stop or run.closed or run.head_late:
            return False
        own = run.reserved.get(number)
        if own is not None and not own.can_read_from(number * self.size):
            return False
        near = number - run.at <= MAX_JOIN_DISTANCE or not self.refetchable or not self.knows_ranges or self.asks_whole
        return near and (run.is_whole_object or not any(self.has(between) for between in range(run.at, number)))

    def _start_fetch(self, number: int, last: int) -> SliceFetch:
        """From a slice on up to the last that is missing; around what is stored of the first."""
        stop, most = number + 1, min(last + 1, self.count, number + MAX_FETCH_SLICES)
        while stop < most and self.stored(stop) is None and stop not in self.fills:
            stop += 1
        first, end = byte_range(number, self.size, self.total)
        piece = self.stored(number)
        before = after = b""
        if piece is not None and not piece.cold and piece.body is not None:
            low, high = stored_span(piece, number, self.size, self.total)
            if low == first < high < end:
                before = bytes(view(piece.body, 0, high - low))
            elif first < low < high == end:
                after, stop = bytes(view(piece.body, 0, high - low)), number + 1
        return SliceFetch(self, number, stop, before, after)

    # -- runs --------------------------------------------------------------------------------------------------

    def next_step(self, run: SliceFetch) -> NextStep:
        """Whether a run begins its next slice."""
        number = run.at
        if not run.is_whole_object and number not in run.reserved and (number in self.fills or self.has(number)):
            return NextStep.STOP
        # Who is beyond it has no use for it, unless it is on its way to him: else it would run away from who is behind.
        needing = [walker for walker in self.consumers if walker.at <= number <= walker.last]
        awaited = run.no_slice_yet or any(fill.readers for fill in run.reserved.values())
        if not needing and not awaited:
            return NextStep.STOP
        if self.unsettled >= MAX_UNWRITTEN_SLICES:
            return NextStep.WAIT
        return (
            NextStep.FETCH
            if awaited or any(number <= walker.at + READ_AHEAD_SLICES for walker in needing)
            else NextStep.WAIT
        )

    def needed(self, number: int) -> bool:
        """Whether somebody reads, or will read, this slice."""
        return any(walker.at <= number <= walker.last for walker in self.consumers)

    def can_skip(self, number: int) -> bool:
        """Whether a stream of the whole may pass over a slice: it is there, or would not stay and nobody reads it."""
        if number in self.fills or self.has(number):
            return True
        return self.total > self.cache.max_sliced_bytes and not self.needed(number)

    def store(self, entry: Entry, pieces: list[bytes], fill: Fill, run: SliceFetch) -> None:
        """A slice is whole: into the tiers with it, unless its object left the cache meanwhile."""
        body = self.cache.assemble(pieces)
        fill.set_body(body)
        number = fill.base // self.size
        if len(body) == min(self.size, self.total - number * self.size):
            run.recent[number] = body
            if len(run.recent) > READ_AHEAD_SLICES + 1:
                del run.recent[next(iter(run.recent))]
        if self.current and self.cache.store(entry, body):
            self.unsettled += 1
            self._settle(self, entry)

    def on_slice_written(self) -> None:
        """A slice lies in its tier."""
        self.unsettled -= 1
        self.on_progress()

    def ended(self, run: SliceFetch) -> None:
        """A run is over."""
        if run in self.fetches:
            self.fetches.remove(run)
            self._left = run.recent or self._left
        self.on_progress()

    def changed(self) -> None:
        """The upstream has another version now: this one leaves the cache, its readers begin anew or break off."""
        self.cache.forget(self.whole)
        for walker in tuple(self.consumers):
            walker.changed()
