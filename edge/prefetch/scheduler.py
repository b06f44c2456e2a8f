"""Runs prefetches from a bounded queue, urgent ones first; each is a fill that viewers can join like any other.

A prefetch for a player (`next`, `cmcd`) starts as soon as a slot is free. Prefetches for control or an operator (`hot`,
`job`) come through `edge.prefetch.background`, which keeps to a budget. Every fetch tells upstream that it is a
prefetch (Sec-Purpose), so that a shield does not count it as popularity. The readers of these fills keep no bytes:
they only learn how the fill ends, and leave it if the response is not stored. Over 300 lines because the scheduler
and its two readers are one protocol.
"""

from __future__ import annotations

import heapq
import itertools
import sys
from collections.abc import Callable, Mapping
from typing import NamedTuple

from cache.cache import SegmentCache
from cache.entry import Entry
from cache.fills.fill import Fill, Reader
from cache.fills.fill_state import FillState
from cache.slices import slice_numbers
from edge.fill.fetch import Fetcher
from edge.policy.authorise import Node
from edge.policy.profile import PREFETCH, SEC_PURPOSE
from edge.policy.route import RoutedRequest, route_url
from edge.prefetch.accounting import CAUSES, PrefetchAccounting, WatchedObject
from edge.slices.sliced_object import SlicedObject
from kernel.clock import Clock
from kernel.errors import MatineeError
from kernel.fetch_reasons import PrefetchEnd, ReleaseReason
from kernel.vocabulary import Refusal

Ended = Callable[[PrefetchEnd, int], object]
"""Called once, with the end of the prefetch and the bytes fetched."""


class PrefetchReader(Reader):
    """Follows the fill of one object. `sliced(entry)` continues if the object turns out to be cached in slices."""

    def __init__(self, fill: Fill, ended: Ended, sliced: Callable[[Entry], object]) -> None:
        self.position = sys.maxsize  # it never slows the fill down
        self._fill = fill
        self._ended = ended
        self._sliced = sliced

    def matches(self, entry: Entry) -> bool:
        """It has no request fields of its own."""
        return entry.matches(self._fill.request)

    def is_covered_by(self, entry: Entry, first: int, stop: int) -> bool:
        """Whatever arrives is what was requested."""
        del entry, first, stop
        return True

    def sends_same_request(self, request: Mapping[bytes, bytes]) -> bool:
        """It has no request fields of its own."""
        del request
        return True

    def on_interim(self, head: bytes) -> None:
        """No viewer waits for an interim response."""

    def on_head(self, fill: Fill) -> None:
        """A response that is not stored is of no use: leave."""
        if fill.state is FillState.PASSING_THROUGH:
            fill.leave(self)
            self._ended(PrefetchEnd.NOT_CACHEABLE, 0)

    def on_bytes(self) -> None:
        """More bytes arrived; leave if the object has become too large to store."""
        if self._fill.state is FillState.PASSING_THROUGH:
            self._fill.leave(self)
            self._ended(PrefetchEnd.NOT_CACHEABLE, 0)

    def on_end(self) -> None:
        """The object is complete."""
        entry = self._fill.entry
        kept = self._fill.state is FillState.STORED and entry is not None and entry.status == 200
        self._ended(PrefetchEnd.FETCHED if kept else PrefetchEnd.NOT_CACHEABLE, self._fill.received - self._fill.base)

    def on_not_modified(self, entry: Entry) -> None:
        """The stored object was revalidated."""
        del entry
        self._ended(PrefetchEnd.ALREADY_CACHED, 0)

    def on_sliced(self, entry: Entry) -> None:
        """Continue with the slices."""
        self._sliced(entry)

    def on_failed(self, error: MatineeError) -> None:
        """Nothing arrived."""
        del error
        self._ended(PrefetchEnd.FAILED, 0)

    def on_released(self, why: ReleaseReason) -> None:
        """The response is for another viewer, or overdue."""
        del why
        self._ended(PrefetchEnd.NOT_CACHEABLE, 0)


class SlicePrefetchReader(Reader):
    """Fetches the slices with the bytes `first` to `last` (None: the end) of an object, one after the other."""

    def __init__(
        self, slicing: SlicedObject, first: int, last: int | None, fields: Mapping[bytes, bytes], ended: Ended
    ) -> None:
        self.position = sys.maxsize
        stop = slicing.total if last is None else min(last + 1, slicing.total)
        wanted = slice_numbers(first, stop, slicing.size)
        self.at = wanted.start
        self.last = wanted.stop - 1
        self._slicing = slicing
        self._fields = fields
        self._ended: Ended | None = ended
        self._came = 0
        self._fill: Fill | None = None

    @property
    def has_started(self) -> bool:
        """No viewer gets these bytes."""
        return False

    def start(self) -> None:
        """Start fetching."""
        self._slicing.join(self)
        self._next_slice()

    def _next_slice(self) -> None:
        while self.at <= self.last and self._slicing.has_slice(self.at):
            self.at += 1
        self._slicing.on_progress()
        if self._ended is None:
            return
        if self.at > self.last:
            self._end(PrefetchEnd.FETCHED if self._came else PrefetchEnd.ALREADY_CACHED)
            return
        fill = self._slicing.get_or_start_fill(self.at, self._fields, self.last)
        if fill is None:
            self._end(PrefetchEnd.FAILED)
        else:
            self._fill = fill
            fill.join(self)

    def _end(self, how: PrefetchEnd) -> None:
        ended, self._ended = self._ended, None
        if ended is not None:
            self._slicing.leave(self)
            ended(how, self._came)

    def is_covered_by(self, entry: Entry, first: int, stop: int) -> bool:
        """The whole slice is wanted."""
        del entry, first, stop
        return True

    def on_bytes(self) -> None:
        """More bytes arrived."""

    def on_end(self) -> None:
        """The slice is complete."""
        if self._fill is not None:
            self._came += self._fill.received - self._fill.base
        self.at += 1
        self._next_slice()

    def on_failed(self, error: MatineeError) -> None:
        """Give up."""
        del error
        self._end(PrefetchEnd.FAILED)

    def on_released(self, why: ReleaseReason) -> None:
        """The fetch ended before it reached this slice, and nothing is urgent."""
        del why
        self._end(PrefetchEnd.FETCHED if self._came else PrefetchEnd.FAILED)

    def on_object_changed(self) -> None:
        """The object has changed."""
        self._end(PrefetchEnd.FAILED)


MAX_RUNNING = 64
"""Prefetches running at a time."""
MAX_QUEUED = 1_000
MAX_QUEUE_SECONDS = 8.0
"""Seconds in the queue after which the player has requested the object itself, or has left."""
MAX_AHEAD_BYTES = 64 << 20
"""Bytes of one object that are fetched ahead of a player."""
_PRIORITY = {"next": 1, "cmcd": 2, "hot": 3, "job": 3}
_MARK = {SEC_PURPOSE: PREFETCH}


class PrefetchRequest(NamedTuple):
    """An object to prefetch. `path` is a normalised path of the CDN, possibly with a query.

    `range` (first, last) is the part wanted; `urgent`: a player is running dry.
    """

    path: bytes
    cause: str
    title: str = ""
    range: tuple[int, int | None] | None = None
    urgent: bool = False


class PrefetchScheduler:
    """See the module."""

    def __init__(
        self,
        node: Node,
        cache: SegmentCache,
        fetcher: Fetcher,
        accounting: PrefetchAccounting,
        clock: Clock,
        overloaded: Callable[[], bool],
    ) -> None:
        """`overloaded` says that the edge has more work than it can do: then no prefetch starts."""
        self.overloaded = overloaded
        self._node = node
        self._cache = cache
        self._fetcher = fetcher
        self._accounting = accounting
        self._clock = clock
        self._queue: list[tuple[int, int, float, PrefetchRequest, RoutedRequest]] = []
        self._order = itertools.count()
        self._queued: set[WatchedObject] = set()
        self.running: set[WatchedObject] = set()
        self.started = dict.fromkeys(CAUSES, 0)
        self.ends: dict[PrefetchEnd, int] = {}

    def enqueue(self, prefetch: PrefetchRequest) -> bool:
        """Queue a prefetch, unless the object is cached, being fetched, or not ours to fetch; whether it is queued."""
        routed = self.route(prefetch)
        if routed is None:
            return self._reject(PrefetchEnd.REFUSED)
        watched = _watched(routed, prefetch)
        if watched in self._queued or watched in self.running or self.is_available(routed, prefetch):
            return False
        if self.overloaded():
            return self._reject(PrefetchEnd.OVERLOADED)
        now = self._clock.mono()
        if not self._accounting.try_admit(prefetch.cause, now) or self._fetcher.is_revalidation_paused(routed.key, now):
            return self._reject(PrefetchEnd.THROTTLED)
        if len(self._queue) >= MAX_QUEUED:
            return self._reject(PrefetchEnd.DROPPED)
        self._queued.add(watched)
        place = 0 if prefetch.urgent else _PRIORITY[prefetch.cause]
        heapq.heappush(self._queue, (place, next(self._order), self._clock.mono(), prefetch, routed))
        self._start_queued()
        return True

    def route(self, prefetch: PrefetchRequest) -> RoutedRequest | None:
        """The route of a viewer's request for this object; None if every viewer would be refused."""
        general = self._node.profile.name == "general"
        routed = route_url(prefetch.path.decode("ascii"), general=general, routes=self._node.routes)
        return None if isinstance(routed, Refusal) else routed

    def is_available(self, routed: RoutedRequest, prefetch: PrefetchRequest) -> bool:
        """Whether the object is cached and fresh, or being fetched."""
        if routed.key in self._cache.fill_table and prefetch.range is None:
            return True
        entry, now = self._cache.peek(routed.key, _MARK), self._clock.mono()
        if entry is None or now >= max(entry.fresh_until, entry.swr_until):
            return self._cache.is_hit_for_miss(routed.key, now)
        return not entry.slice or (not entry.cold and self._has_slices(entry, routed, prefetch))

    def _has_slices(self, entry: Entry, routed: RoutedRequest, prefetch: PrefetchRequest) -> bool:
        first, last = prefetch.range or (0, None)
        slicing = self._fetcher.sliced_object(entry, routed)
        held = slicing.is_stored(first, slicing.total if last is None else min(last + 1, slicing.total))
        slicing.on_progress()
        return held

    def start(self, prefetch: PrefetchRequest, routed: RoutedRequest, ended: Ended) -> None:
        """Start now. `ended` is called once, possibly before this returns."""
        watched = _watched(routed, prefetch)
        self.running.add(watched)
        self.started[prefetch.cause] += 1
        self._accounting.on_started(watched, prefetch.title, prefetch.cause, self._clock.mono())

        def ended_once(how: PrefetchEnd, came: int) -> None:
            if watched not in self.running:
                return
            self.running.discard(watched)
            self.ends[how] = self.ends.get(how, 0) + 1
            if how is PrefetchEnd.FETCHED:
                self._accounting.on_arrived(watched, came, self._clock.mono())
            else:
                self._accounting.on_failed(watched)
            ended(how, came)

        fields = dict(_MARK)
        if prefetch.range is not None:
            first, last = prefetch.range
            fields[b"range"] = b"bytes=%d-%s" % (first, b"" if last is None else b"%d" % last)
        entry = self._cache.peek(routed.key, fields)
        if entry is not None and entry.cold:
            self._fetcher.load_head(
                entry, lambda warm: self._begin(prefetch, routed, fields, entry if warm else None, ended_once)
            )
        else:
            self._begin(prefetch, routed, fields, entry, ended_once)

    def _begin(
        self,
        prefetch: PrefetchRequest,
        routed: RoutedRequest,
        fields: dict[bytes, bytes],
        entry: Entry | None,
        ended_once: Ended,
    ) -> None:
        def sliced(whole: Entry) -> None:
            first, last = prefetch.range or (0, None)
            if last is None and prefetch.cause in ("next", "cmcd"):
                last = first + MAX_AHEAD_BYTES - 1
            SlicePrefetchReader(self._fetcher.sliced_object(whole, routed), first, last, fields, ended_once).start()

        if entry is not None and self._clock.mono() < entry.fresh_until:
            if entry.slice:
                sliced(entry)
            else:
                ended_once(PrefetchEnd.ALREADY_CACHED, 0)
            return
        fill = self._cache.fill_table.find(routed.key, fields, entry)
        if fill is None:
            fill = self._fetcher.start_fill(routed, fields, entry, ranged=prefetch.range is not None)
        reader = PrefetchReader(fill, ended_once, sliced)
        fill.leader = fill.leader or reader
        fill.join(reader)

    def _start_queued(self) -> None:
        """Start queued prefetches while slots are free."""
        now = self._clock.mono()
        while self._queue and len(self.running) < MAX_RUNNING:
            _, _, since, prefetch, routed = heapq.heappop(self._queue)
            self._queued.discard(_watched(routed, prefetch))
            if now - since > MAX_QUEUE_SECONDS:
                self._reject(PrefetchEnd.DROPPED)
            elif not self.is_available(routed, prefetch):
                self.start(prefetch, routed, self._ended)

    def _ended(self, how: PrefetchEnd, came: int) -> None:
        del how, came
        self._start_queued()

    def _reject(self, why: PrefetchEnd) -> bool:
        self.ends[why] = self.ends.get(why, 0) + 1
        return False

    def clear(self) -> None:
        """Drop the queue: the edge is stopping or overloaded."""
        self._queue.clear()
        self._queued.clear()


def _watched(routed: RoutedRequest, prefetch: PrefetchRequest) -> WatchedObject:
    return routed.key, prefetch.range[0] if prefetch.range is not None else None
