"""A large object in slices while consumers read it: where each one is, and which fetches bring the missing slices.

A fetch is one stream from upstream, cut into slices (`edge.slices.slice_fetch`). A consumer is one viewer's response
(`edge.serve.sliced_response`) or a prefetch. A fetch runs `READ_AHEAD_SLICES` slices ahead of the furthest consumer
that needs it and no further, so memory does not depend on how slow a viewer is: slower consumers read from the cache.
Over 300 lines because stored slices, consumers and fetches ask one another at every step.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Protocol

from cache.body import Body, Chunk, view
from cache.cache import SegmentCache
from cache.entry import Entry
from cache.fills.fill import Fill
from cache.leases import Lease
from cache.slices import byte_range, slice_key, slice_number
from cache.slices import slice_numbers as numbers_of
from edge.policy.route import RoutedRequest
from edge.slices.content_range import stored_span, strong_etag
from edge.slices.slice_fetch import NextStep, SliceFetch

READ_AHEAD_SLICES = 2
"""Slices that a fetch runs ahead of the furthest consumer."""
MAX_UNWRITTEN_SLICES = 2
"""Slices that may wait to be written to a tier before the fetch pauses."""
MAX_JOIN_DISTANCE = 4
"""A consumer waits for a fetch that is at most this many slices back; otherwise it starts its own."""
MAX_FETCH_SLICES = 256
"""Slices requested at a time."""


class SliceConsumer(Protocol):
    """Reads slices `at` to `last`."""

    at: int
    last: int

    @property
    def has_started(self) -> bool:
        """Whether bytes of this version were sent to a viewer."""

    def on_object_changed(self) -> None:
        """Another version is there: start over, or break off."""


BeginFetch = Callable[["SlicedObject", SliceFetch, Mapping[bytes, bytes]], object]


class SlicedObject:
    """See the module. `begin(sliced, fetch, request)` starts a fetch; `settle(sliced, entry)` calls `on_slice_written`
    once a slice is written; `done(sliced)` is called when no consumer reads and no fetch runs."""

    def __init__(
        self,
        whole: Entry,
        routed: RoutedRequest,
        cache: SegmentCache,
        begin: BeginFetch,
        settle: Callable[[SlicedObject, Entry], object],
        done: Callable[[SlicedObject], object],
    ) -> None:
        self.whole = whole
        self.routed = routed
        self.cache = cache
        self.size = whole.slice
        self.total = whole.length or 0
        self.consumers: set[SliceConsumer] = set()
        self.fetches: list[SliceFetch] = []
        self.fills: dict[int, Fill] = {}
        self.leases: dict[int, Lease] = {}
        """Slices leased for consumers, if slices cannot be fetched separately."""
        self._left: dict[int, Body] = {}
        """The last slices of the fetch that ended last."""
        self.unsettled = 0
        self.knows_ranges = True
        self.asks_whole = False
        """Whether the whole object is requested, because upstream answers ranges with crumbs."""
        self._begin, self._settle, self._done = begin, settle, done

    # -- what is there -----------------------------------------------------------------------------------------

    @property
    def count(self) -> int:
        """The number of slices."""
        return -(-self.total // self.size)

    @property
    def is_current(self) -> bool:
        """Whether the cache still holds this version."""
        return self.whole in self.cache.stored(self.whole.key)

    @property
    def refetchable(self) -> bool:
        """Whether slices can be fetched separately: only under one strong ETag (RFC 9110 §15.3.7.3)."""
        return strong_etag(self.whole.mark) is not None

    def stored_slice(self, number: int) -> Entry | None:
        """The stored entry of a slice of this version: all of the slice, or a piece."""
        for entry in self.cache.stored(slice_key(self.whole.key, number)):
            if entry.vary == self.whole.vary and (entry.cold or entry.mark == self.whole.mark):
                return entry
        return None

    def has_slice(self, number: int) -> bool:
        """Whether all of a slice is stored."""
        entry, (first, stop) = self.stored_slice(number), byte_range(number, self.size, self.total)
        return entry is not None and entry.length == stop - first

    def is_stored(self, first: int, stop: int) -> bool:
        """Whether all these bytes are stored."""
        for number in range(first // self.size, -(-stop // self.size)):
            if not self.has_slice(number):
                entry = self.stored_slice(number)
                if entry is None or entry.cold:
                    return False
                low, high = stored_span(entry, number, self.size, self.total)
                if low > max(first, number * self.size) or high < min(stop, (number + 1) * self.size):
                    return False
        return True

    def can_obtain(self, first: int, stop: int) -> bool:
        """Whether these bytes can still be obtained: stored, being fetched, or fetched separately."""
        if self.refetchable:
            return True
        for number in range(first // self.size, -(-stop // self.size)):
            begin, end = max(first, number * self.size), min(stop, (number + 1) * self.size)
            coming = number in self.fills or any(self._will_reach(fetch, number) for fetch in self.fetches)
            if not coming and self.recent_slice(number) is None and not self.is_stored(begin, end):
                return False
        return True

    def recent_slice(self, number: int) -> Body | None:
        """A slice received lately that no tier kept."""
        for fetch in self.fetches:
            if number in fetch.recent:
                return fetch.recent[number]
        return self._left.get(number)

    @property
    def has_started_consumer(self) -> bool:
        """Whether a viewer has bytes of this version, and would be cut off for another."""
        return any(consumer.has_started for consumer in self.consumers)

    # -- readers -----------------------------------------------------------------------------------------------

    def join(self, consumer: SliceConsumer) -> None:
        """Add a consumer."""
        self.consumers.add(consumer)

    def leave(self, consumer: SliceConsumer) -> None:
        """Remove a consumer."""
        self.consumers.discard(consumer)
        self.on_progress()

    def on_progress(self) -> None:
        """Let fetches go on: a consumer or a tier has moved."""
        for fetch in tuple(self.fetches):
            fetch.advance()
        if not self.consumers:
            self.cache.leases.release(self.leases.values())
            self.leases.clear()
            if not self.fetches:
                self._done(self)

    def lease_slices(self, spans: Iterable[tuple[int, int]], done: Callable[[bool], object]) -> None:
        """Lease the stored slices of these spans while consumers read. `done(False)`: some were evicted already."""
        numbers = sorted({number for first, stop in spans for number in numbers_of(first, stop, self.size)})
        found = {n: entry for n in numbers if n not in self.leases and (entry := self.stored_slice(n)) is not None}

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
        """The fill of a slice, running or started now; None if the slice cannot be obtained any more.

        `last`: the last slice that the consumer will read; `request`: the viewer's fields.
        """
        found = self.fills.get(number)
        if found is not None and found.can_read_from(number * self.size):
            return found
        self.fills.pop(number, None)  # purged: its bytes pass through to the readers it had
        fetch = next((fetch for fetch in self.fetches if self._will_reach(fetch, number)), None)
        if fetch is None:
            if not self.refetchable:
                return None
            fetch = self._start_fetch(number, last)
            self.fetches.append(fetch)
            made = fetch.reserve(number)
            self._begin(self, fetch, request)
            return made
        return fetch.reserve(number)

    def start_next_fill(self, number: int, request: Mapping[bytes, bytes], last: int) -> None:
        """Start the fill of a slice that will be needed soon."""
        if (
            number <= last
            and self.refetchable
            and self.stored_slice(number) is None
            and self.recent_slice(number) is None
        ):
            self.get_or_start_fill(number, request, last)

    def _will_reach(self, fetch: SliceFetch, number: int) -> bool:
        if not fetch.at <= number < fetch.stop or fetch.closed or fetch.head_late:
            return False
        own = fetch.reserved.get(number)
        if own is not None and not own.can_read_from(number * self.size):
            return False
        near = (
            number - fetch.at <= MAX_JOIN_DISTANCE or not self.refetchable or not self.knows_ranges or self.asks_whole
        )
        return near and (
            fetch.is_whole_object or not any(self.has_slice(between) for between in range(fetch.at, number))
        )

    def _start_fetch(self, number: int, last: int) -> SliceFetch:
        """Fetch from this slice to the last missing one, around the stored piece of the first."""
        stop, most = number + 1, min(last + 1, self.count, number + MAX_FETCH_SLICES)
        while stop < most and self.stored_slice(stop) is None and stop not in self.fills:
            stop += 1
        first, end = byte_range(number, self.size, self.total)
        piece = self.stored_slice(number)
        before = after = b""
        if piece is not None and not piece.cold and piece.body is not None:
            low, high = stored_span(piece, number, self.size, self.total)
            if low == first < high < end:
                before = bytes(view(piece.body, 0, high - low))
            elif first < low < high == end:
                after, stop = bytes(view(piece.body, 0, high - low)), number + 1
        return SliceFetch(self, number, stop, before, after)

    # -- fetches --------------------------------------------------------------------------------------------------

    def next_step(self, fetch: SliceFetch) -> NextStep:
        """Whether a fetch begins its next slice."""
        number = fetch.at
        if (
            not fetch.is_whole_object
            and number not in fetch.reserved
            and (number in self.fills or self.has_slice(number))
        ):
            return NextStep.STOP
        # Ignore consumers past this slice unless they wait on this fetch; else it outruns slower ones.
        needing = [consumer for consumer in self.consumers if consumer.at <= number <= consumer.last]
        awaited = fetch.no_slice_yet or any(fill.readers for fill in fetch.reserved.values())
        if not needing and not awaited:
            return NextStep.STOP
        if self.unsettled >= MAX_UNWRITTEN_SLICES:
            return NextStep.WAIT
        return (
            NextStep.FETCH
            if awaited or any(number <= consumer.at + READ_AHEAD_SLICES for consumer in needing)
            else NextStep.WAIT
        )

    def is_needed(self, number: int) -> bool:
        """Whether a consumer reads, or will read, this slice."""
        return any(consumer.at <= number <= consumer.last for consumer in self.consumers)

    def can_skip(self, number: int) -> bool:
        """Whether a stream of the whole may skip a slice: it is stored, or would not stay and no consumer reads it."""
        if number in self.fills or self.has_slice(number):
            return True
        return self.total > self.cache.max_sliced_bytes and not self.is_needed(number)

    def store(self, entry: Entry, pieces: list[Chunk], fill: Fill, fetch: SliceFetch) -> None:
        """Store a slice, or a piece of one, if the cache still holds its object."""
        body = self.cache.assemble(pieces)
        fill.set_body(body)
        number = fill.base // self.size
        if len(body) == min(self.size, self.total - number * self.size):
            fetch.recent[number] = body
            if len(fetch.recent) > READ_AHEAD_SLICES + 1:
                del fetch.recent[next(iter(fetch.recent))]
        if self.is_current and self.cache.store(entry, body):
            self.unsettled += 1
            self._settle(self, entry)

    def on_slice_written(self, entry: Entry) -> None:
        """A slice is written to its tier. If it cannot be fetched again, hold it for consumers that are still to come
        to it: it may be evicted before."""
        self.unsettled -= 1
        number = slice_number(entry.key)
        if not self.refetchable and self.is_needed(number):
            passed = [one for one in self.leases if not self.is_needed(one)]
            self.cache.leases.release(self.leases.pop(one) for one in passed)
            self.lease_slices([byte_range(number, self.size, self.total)], lambda _: None)
        self.on_progress()

    def on_fetch_ended(self, fetch: SliceFetch) -> None:
        """Forget a fetch that is over."""
        if fetch in self.fetches:
            self.fetches.remove(fetch)
            self._left = fetch.recent or self._left
        self.on_progress()

    def on_changed(self) -> None:
        """Another version is there: forget this one; its consumers start over or break off."""
        self.cache.forget(self.whole)
        for consumer in tuple(self.consumers):
            consumer.on_object_changed()
