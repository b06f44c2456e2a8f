"""The runner of prefetches: a bounded line, those in need first; each is a fill that viewers join like any other.

What a player is about to ask for (`next`, `cmcd`) begins as soon as there is a place; what control or an operator
wants (`hot`, `job`) comes through `edge.prefetch.background`, which holds to a budget. Every fetch says upstream that
it is a prefetch, so that a shield's own popularity does not count it.
"""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable
from typing import NamedTuple

from cache.cache import SegmentCache
from cache.entry import Entry
from edge.fill.fetch import Fetcher
from edge.policy.node import Node
from edge.policy.profile import PREFETCHES, PURPOSE
from edge.policy.route import RoutedRequest, ask_for
from edge.prefetch.accounting import PrefetchAccounting
from edge.prefetch.readers import Ended, PrefetchReader, SlicePrefetchReader
from kernel.clock import Clock
from kernel.fetch_reasons import PrefetchEnd
from kernel.vocabulary import Refusal

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
        if not self._ledger.allows(wish.cause, now) or self._fetcher.pauses(asked.key, now):
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
        slicing = self._fetcher.slicing(entry, asked)
        held = slicing.holds(first, slicing.total if last is None else min(last + 1, slicing.total))
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
            SlicePrefetchReader(self._fetcher.slicing(whole, asked), first, last, fields, over).begin()

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
