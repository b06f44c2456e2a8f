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
from edge.policy.profile import PREFETCHES, PURPOSE
from edge.policy.route import RoutedRequest, ask_for
from edge.prefetch.accounting import PrefetchAccounting
from edge.slices.sliced_object import SlicedObject
from kernel.clock import Clock
from kernel.errors import MatineeError
from kernel.fetch_reasons import PrefetchEnd, ReleaseReason
from kernel.vocabulary import Refusal

Ended = Callable[[PrefetchEnd, int], object]
"""Told once: how it ended (see `PrefetchEnd`) and how many bytes came."""


class PrefetchReader(Reader):
    """Follows the fill of one object. `sliced(entry)` goes on where the object turns out to be kept in slices."""

    def __init__(self, fill: Fill, ended: Ended, sliced: Callable[[Entry], object]) -> None:
        self.position = sys.maxsize  # it holds nobody back
        self._fill = fill
        self._ended = ended
        self._sliced = sliced

    def matches(self, entry: Entry) -> bool:
        """It asks with no fields of its own."""
        return entry.matches(self._fill.request)

    def is_covered_by(self, entry: Entry, first: int, stop: int) -> bool:
        """What comes is what was asked for."""
        del entry, first, stop
        return True

    def sends_same_request(self, request: Mapping[bytes, bytes]) -> bool:
        """It asks with no fields of its own."""
        del request
        return True

    def on_interim(self, head: bytes) -> None:
        """Nobody to pass it on to."""

    def on_head(self, fill: Fill) -> None:
        """What is not kept is of no use to anybody."""
        if fill.state is FillState.PASSING_THROUGH:
            fill.leave(self)
            self._ended(PrefetchEnd.NOT_CACHEABLE, 0)

    def on_bytes(self) -> None:
        """More came; what is too large to be kept is let go."""
        if self._fill.state is FillState.PASSING_THROUGH:
            self._fill.leave(self)
            self._ended(PrefetchEnd.NOT_CACHEABLE, 0)

    def on_end(self) -> None:
        """It is whole."""
        entry = self._fill.entry
        kept = self._fill.state is FillState.STORED and entry is not None and entry.status == 200
        self._ended(PrefetchEnd.FETCHED if kept else PrefetchEnd.NOT_CACHEABLE, self._fill.received - self._fill.base)

    def on_not_modified(self, entry: Entry) -> None:
        """It was here, and is fresh again."""
        del entry
        self._ended(PrefetchEnd.ALREADY_CACHED, 0)

    def on_sliced(self, entry: Entry) -> None:
        """On to its slices."""
        self._sliced(entry)

    def on_failed(self, error: MatineeError) -> None:
        """Nothing came."""
        del error
        self._ended(PrefetchEnd.FAILED, 0)

    def on_released(self, why: ReleaseReason) -> None:
        """It is somebody else's, or overdue."""
        del why
        self._ended(PrefetchEnd.NOT_CACHEABLE, 0)


class SlicePrefetchReader(Reader):
    """Brings the slices in which the bytes `first` to `last` (None: the end) of an object lie, one after the other."""

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
        """Nobody gets these bytes from it."""
        return False

    def begin(self) -> None:
        """Go."""
        self._slicing.join(self)
        self._go_on()

    def _go_on(self) -> None:
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
        """All of it is meant."""
        del entry, first, stop
        return True

    def on_bytes(self) -> None:
        """More of it."""

    def on_end(self) -> None:
        """The slice is there."""
        if self._fill is not None:
            self._came += self._fill.received - self._fill.base
        self.at += 1
        self._go_on()

    def on_failed(self, error: MatineeError) -> None:
        """No further."""
        del error
        self._end(PrefetchEnd.FAILED)

    def on_released(self, why: ReleaseReason) -> None:
        """The run ended before it came here: nothing presses."""
        del why
        self._end(PrefetchEnd.FETCHED if self._came else PrefetchEnd.FAILED)

    def on_object_changed(self) -> None:
        """The object is another one now."""
        self._end(PrefetchEnd.FAILED)


MAX_RUNNING = 64
"""Prefetches under way at a time."""
MAX_QUEUED = 1_000
STALE_AFTER = 8.0
"""Seconds in the line after which the player has asked by himself, or has gone."""
MAX_PER_TITLE = 64 << 20
"""Bytes of one object that are fetched ahead of a player."""
NAMES = ("next", "cmcd", "hot", "job")
_FIRST = {"next": 1, "cmcd": 2, "hot": 3, "job": 3}
_MARKED = {PURPOSE: PREFETCHES}


class PrefetchRequest(NamedTuple):
    """Something to be fetched before it is asked for. `path` is normalised, of the CDN's form, perhaps with a query.

    `range` (first, last): the part of it that is meant; `urgent`: a player runs dry.
    """

    path: bytes
    cause: str
    title: str = ""
    range: tuple[int, int | None] | None = None
    urgent: bool = False


def watched_key(key: bytes, first: int | None) -> bytes:
    """By what the ledger knows an object, or the part of it that begins at `first`."""
    return key if first is None else b"%s\tr%d" % (key, first)


class PrefetchScheduler:
    """See the module."""

    def __init__(
        self,
        node: Node,
        cache: SegmentCache,
        fetcher: Fetcher,
        ledger: PrefetchAccounting,
        clock: Clock,
        pressed: Callable[[], bool],
    ) -> None:
        """`overloaded` says that the edge has more to do than it can: then nothing is begun that nobody waits for."""
        self.overloaded = pressed
        self._node = node
        self._cache = cache
        self._fetcher = fetcher
        self._ledger = ledger
        self._clock = clock
        self._line: list[tuple[int, int, float, PrefetchRequest, RoutedRequest]] = []
        self._order = itertools.count()
        self._queued: set[bytes] = set()
        self.running: set[bytes] = set()
        self.begun = dict.fromkeys(NAMES, 0)
        self.ends: dict[PrefetchEnd, int] = {}

    def enqueue(self, wish: PrefetchRequest) -> bool:
        """Have it fetched soon, unless it is here, on its way, or not ours to fetch; whether it will be."""
        asked = self.asks(wish)
        if asked is None:
            return self._reject(PrefetchEnd.REFUSED)
        watched = watched_key(asked.key, wish.range[0] if wish.range is not None else None)
        if watched in self._queued or watched in self.running or self.has(asked, wish):
            return False
        if self.overloaded():
            return self._reject(PrefetchEnd.OVERLOADED)
        now = self._clock.mono()
        if not self._ledger.allows(wish.cause, now) or self._fetcher.is_revalidation_paused(asked.key, now):
            return self._reject(PrefetchEnd.THROTTLED)
        if len(self._line) >= MAX_QUEUED:
            return self._reject(PrefetchEnd.DROPPED)
        self._queued.add(watched)
        place = 0 if wish.urgent else _FIRST[wish.cause]
        heapq.heappush(self._line, (place, next(self._order), self._clock.mono(), wish, asked))
        self._go_on()
        return True

    def asks(self, wish: PrefetchRequest) -> RoutedRequest | None:
        """What a viewer's request for it would ask for; None where it would be refused whoever he is."""
        general = self._node.profile.name == "general"
        asked = ask_for(wish.path.decode("ascii"), general=general, routes=self._node.routes)
        return None if isinstance(asked, Refusal) else asked

    def has(self, asked: RoutedRequest, wish: PrefetchRequest) -> bool:
        """Whether it is here and may be used, or on its way."""
        if asked.key in self._cache.fill_table and wish.range is None:
            return True
        entry, now = self._cache.peek(asked.key, _MARKED), self._clock.mono()
        if entry is None or now >= max(entry.fresh_until, entry.swr_until):
            return self._cache.is_hit_for_miss(asked.key, now)
        return not entry.slice or (not entry.cold and self._has_slices(entry, asked, wish))

    def _has_slices(self, entry: Entry, asked: RoutedRequest, wish: PrefetchRequest) -> bool:
        first, last = wish.range or (0, None)
        slicing = self._fetcher.sliced_object(entry, asked)
        held = slicing.is_stored(first, slicing.total if last is None else min(last + 1, slicing.total))
        slicing.on_progress()
        return held

    def start(self, wish: PrefetchRequest, asked: RoutedRequest, ended: Ended) -> None:
        """Begin at once; `ended` is called once, perhaps before this returns."""
        watched = watched_key(asked.key, wish.range[0] if wish.range is not None else None)
        self.running.add(watched)
        self.begun[wish.cause] += 1
        self._ledger.begun(watched, wish.title, wish.cause, self._clock.mono())

        def over(how: PrefetchEnd, came: int) -> None:
            if watched not in self.running:
                return
            self.running.discard(watched)
            self.ends[how] = self.ends.get(how, 0) + 1
            if how is PrefetchEnd.FETCHED:
                self._ledger.arrived(watched, came, self._clock.mono())
            else:
                self._ledger.failed(watched)
            ended(how, came)

        fields = dict(_MARKED)
        if wish.range is not None:
            first, last = wish.range
            fields[b"range"] = b"bytes=%d-%s" % (first, b"" if last is None else b"%d" % last)
        entry = self._cache.peek(asked.key, fields)
        if entry is not None and entry.cold:
            self._fetcher.load_head(entry, lambda warm: self._begin(wish, asked, fields, entry if warm else None, over))
        else:
            self._begin(wish, asked, fields, entry, over)

    def _begin(
        self, wish: PrefetchRequest, asked: RoutedRequest, fields: dict[bytes, bytes], entry: Entry | None, over: Ended
    ) -> None:
        def sliced(whole: Entry) -> None:
            first, last = wish.range or (0, None)
            if last is None and wish.cause in ("next", "cmcd"):
                last = first + MAX_PER_TITLE - 1
            SlicePrefetchReader(self._fetcher.sliced_object(whole, asked), first, last, fields, over).begin()

        if entry is not None and self._clock.mono() < entry.fresh_until:
            if entry.slice:
                sliced(entry)
            else:
                over(PrefetchEnd.ALREADY_CACHED, 0)
            return
        fill = self._cache.fill_table.find(asked.key, fields, entry)
        if fill is None:
            fill = self._fetcher.start_fill(asked, fields, entry, ranged=wish.range is not None)
        reader = PrefetchReader(fill, over, sliced)
        fill.leader = fill.leader or reader
        fill.join(reader)

    def _go_on(self) -> None:
        """Begin what there is a place for."""
        now = self._clock.mono()
        while self._line and len(self.running) < MAX_RUNNING:
            _, _, since, wish, asked = heapq.heappop(self._line)
            self._queued.discard(watched_key(asked.key, wish.range[0] if wish.range is not None else None))
            if now - since > STALE_AFTER:
                self._reject(PrefetchEnd.DROPPED)
            elif not self.has(asked, wish):
                self.start(wish, asked, self._ended)

    def _ended(self, how: PrefetchEnd, came: int) -> None:
        del how, came
        self._go_on()

    def _reject(self, why: PrefetchEnd) -> bool:
        self.ends[why] = self.ends.get(why, 0) + 1
        return False

    def clear(self) -> None:
        """Nothing further is begun: the edge stops or is overloaded."""
        self._line.clear()
        self._queued.clear()
