"""Which titles are hot, where they are to be held, and how much of them. Pure: time comes in.

A rendition comes on a region's list when it takes `ENTER` of the region's bytes, or when it takes much of the whole
fleet's; it leaves when it takes less than half of that for `HOLD` seconds. A title is placed by weighted rendezvous on
its id over the region's edges, in the order that routing asks them, on as many of them as its share needs under the
bound of load, in proportion to its popularity. What grows does so at once, what shrinks waits for `HOLD`: so lists do
not flap.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from control.popularity.aggregate import Popularity, Rank, Rendition
from kernel.fleet.hot_list import MAX_SEGMENTS, HotRow
from kernel.upstreams.rendezvous import LOAD_BOUND, Candidate, order

ENTER = 0.002
"""Share of a region's bytes."""
ENTER_FLEET = 0.01
"""Share of the whole fleet's bytes with which a rendition is on the list of regions that hardly know it."""
MIN_REQUESTS = 60.0
"""Faded requests (some three viewers at it) below which nothing is hot, however little else there is."""
RISES = 2.0
"""What took so many times more in the last seconds than in the last minute is rising."""
HOLD = 60.0
"""Seconds for which less must be wanted before less is held."""
FIRST_SEGMENTS = 4
"""Of a rendition that has just come on the list; with each doubling of its share twice as many."""
MAX_HOT = 300
"""Renditions on a region's list."""


class EdgeCapacity(NamedTuple):
    """A healthy edge that takes viewers. `weight`: its capacity, beside others'."""

    id: str
    region: str
    weight: float = 1.0


@dataclass(slots=True)
class _Listed:
    """A rendition on a region's list; `weaker` since when less of it is wanted (inf: not)."""

    segments: int
    urgent_until: float
    share: float
    weaker: float = math.inf


@dataclass(slots=True)
class _Spread:
    """On how many edges a title lies."""

    replicas: int
    fewer: float = math.inf


def weight_of(capacity: int) -> float:
    """The weight of an edge that may send so many bits a second (0: not said), in units of 1 Gbit/s."""
    return capacity / 1e9 if capacity > 0 else 1.0


class HotTitlePlanner:
    """The lists of all regions. `plan` is called every second or two, with all edges."""

    def __init__(self) -> None:
        self._listed: dict[str, dict[Rendition, _Listed]] = {}
        self._spread: dict[str, dict[str, _Spread]] = {}
        self._placed: dict[str, tuple[list[EdgeCapacity], dict[str, list[str]]]] = {}

    def replicas(self, region: str, content_id: str) -> int:
        """On how many edges of the region a title is held; 1 for what is not hot."""
        found = self._spread.get(region, {}).get(content_id)
        return found.replicas if found is not None else 1

    def listed(self, region: str) -> list[tuple[Rendition, int, float]]:
        """(rendition, first segments, share) of a region's list, the hottest first."""
        rows = self._listed.get(region, {}).items()
        return [(name, one.segments, one.share) for name, one in sorted(rows, key=lambda row: -row[1].share)]

    def plan(self, popularity: Popularity, places: Sequence[EdgeCapacity], now: float) -> dict[str, tuple[HotRow, ...]]:
        """Of each edge what it is to hold, the hottest first."""
        fleet = [rank for rank in popularity.ranked(now) if rank.share >= ENTER_FLEET]
        by_region: dict[str, list[EdgeCapacity]] = {}
        for place in sorted(places):
            by_region.setdefault(place.region, []).append(place)
        for region in (*self._listed,):
            if region not in by_region:
                del self._listed[region]
                self._spread.pop(region, None)
                self._placed.pop(region, None)
        lists: dict[str, list[HotRow]] = {place.id: [] for place in places}
        for region, edges in by_region.items():
            self._update(region, popularity.ranked(now, region), fleet, len(edges), now)
            for rendition, row in self._rows(region, now):
                count = self.replicas(region, rendition.content_id)
                for edge in self._order(region, rendition.content_id, edges)[:count]:
                    lists[edge].append(row)
        return {edge: tuple(rows) for edge, rows in lists.items()}

    def _order(self, region: str, content_id: str, edges: list[EdgeCapacity]) -> list[str]:
        """As `placed`, remembered while the region's edges are the same and the title is on its list."""
        known = self._placed.get(region)
        if known is None or known[0] != edges:
            known = self._placed[region] = (edges, {})
        orders = known[1]
        if content_id not in orders:
            if len(orders) > 2 * MAX_HOT:
                orders.clear()
            orders[content_id] = placed(content_id, edges)
        return orders[content_id]

    def _rows(self, region: str, now: float) -> Iterable[tuple[Rendition, HotRow]]:
        for rendition, segments, _ in self.listed(region):
            urgent = now < self._listed[region][rendition].urgent_until
            yield rendition, HotRow(rendition.content_id, rendition.name, segments, urgent)

    def _update(self, region: str, ranks: Sequence[Rank], fleet: Sequence[Rank], edges: int, now: float) -> None:
        listed = self._listed.setdefault(region, {})
        wanted = {rank.rendition: rank for rank in ranks if rank.share >= ENTER and rank.requests >= MIN_REQUESTS}
        shares = {rank.rendition: rank.share for rank in ranks}
        for rank in fleet:
            if rank.requests >= MIN_REQUESTS:
                wanted.setdefault(rank.rendition, rank._replace(share=ENTER))
        for rendition, rank in wanted.items():
            _raise(listed, rendition, rank, now)
        for rendition, one in tuple(listed.items()):
            if rendition not in wanted:
                one.share = shares.get(rendition, 0.0)
                weak = one.share < ENTER / 2
                one.weaker = min(one.weaker, now) if weak else math.inf
                if now - one.weaker >= HOLD:
                    del listed[rendition]
        for rendition, _, _ in self.listed(region)[MAX_HOT:]:
            del listed[rendition]
        self._spread_out(region, ranks, edges, now)

    def _spread_out(self, region: str, ranks: Sequence[Rank], edges: int, now: float) -> None:
        listed, spread = self._listed[region], self._spread.setdefault(region, {})
        total = sum(rank.popularity for rank in ranks) or 1.0
        shares: dict[str, float] = {}
        popular: dict[str, float] = {}
        for rank in ranks:
            if rank.rendition in listed:
                name = rank.rendition.content_id
                shares[name] = shares.get(name, 0.0) + rank.share
                popular[name] = popular.get(name, 0.0) + rank.popularity / total
        titles = {rendition.content_id for rendition in listed}
        rising = {one.content_id for one, held in listed.items() if now < held.urgent_until}
        for name in titles:
            wanted = replicas(shares.get(name, 0.0), popular.get(name, 0.0), edges, rising=name in rising)
            _settle(spread, name, min(wanted, edges), now)
        for name in (*spread,):
            if name not in titles:
                del spread[name]
            else:
                spread[name].replicas = max(1, min(spread[name].replicas, edges))


def _raise(listed: dict[Rendition, _Listed], rendition: Rendition, rank: Rank, now: float) -> None:
    """A rendition is wanted on the list, with so much."""
    segments = first_segments(rank.share)
    held = listed.get(rendition)
    if held is None:
        held = listed[rendition] = _Listed(segments, now + HOLD if rank.rise >= RISES else 0.0, rank.share)
    held.share = rank.share
    if rank.rise >= RISES:
        held.urgent_until = now + HOLD
    if segments >= held.segments:
        held.segments, held.weaker = segments, math.inf
    else:
        held.weaker = min(held.weaker, now)
        if now - held.weaker >= HOLD:
            held.segments, held.weaker = segments, math.inf


def _settle(spread: dict[str, _Spread], name: str, wanted: int, now: float) -> None:
    held = spread.setdefault(name, _Spread(wanted))
    if wanted >= held.replicas:
        held.replicas, held.fewer = wanted, math.inf
        return
    held.fewer = min(held.fewer, now)
    if now - held.fewer >= HOLD:
        held.replicas, held.fewer = wanted, math.inf


def replicas(share: float, popularity: float, edges: int, *, rising: bool) -> int:
    """On how many of `edges` a title lies that takes `share` of the region's bytes and has `popularity` of all
    viewings: none of them gets more than the bound's part of the mean, and it is as many as its popularity says."""
    needed = math.ceil(share * edges / LOAD_BOUND - 1e-9)
    proportional = math.ceil(popularity * edges - 1e-9)
    return max(1, min(edges, max(needed, proportional, 2 if rising else 1)))


def first_segments(share: float) -> int:
    """How many of its first segments are held ahead: twice as many with each doubling of its share."""
    doublings = int(math.log2(max(1.0, share / ENTER)))
    return min(MAX_SEGMENTS, FIRST_SEGMENTS << doublings)


def placed(content_id: str, edges: Sequence[EdgeCapacity]) -> list[str]:
    """The ids of a region's edges in the order in which they hold, and are asked for, a title."""
    candidates = [Candidate(edge.id.encode(), max(edge.weight, 1e-9), 0) for edge in edges]
    return [edges[index].id for index in order(content_id.encode(), candidates)]


def changed(before: Mapping[str, tuple[HotRow, ...]], after: Mapping[str, tuple[HotRow, ...]]) -> list[str]:
    """The edges whose list is another one now. The order of rows alone is no change."""
    names = before.keys() | after.keys()
    return [name for name in sorted(names) if set(before.get(name, ())) != set(after.get(name, ()))]
