"""Decide which titles are hot, which edges hold them, and how many segments of each. Pure; time is passed in.

A rendition enters a region's hot list with `MIN_SHARE` of the region's bytes, or with `MIN_FLEET_SHARE` of the whole
fleet's. It leaves after `HOLD_SECONDS` below half of that. Weighted rendezvous on the contentId orders the region's
edges, as in routing; the title is held by as many of the first as its share and its popularity require. Growth takes
effect at once and shrinking after `HOLD_SECONDS`, so lists do not flap.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from control.popularity.aggregate import Popularity, Rank, Rendition
from kernel.fleet.hot_list import MAX_SEGMENTS, HotRow
from kernel.upstreams.rendezvous import LOAD_BOUND, Candidate, order

MIN_SHARE = 0.002
"""Share of a region's bytes that makes a rendition hot there."""
MIN_FLEET_SHARE = 0.01
"""Share of the whole fleet's bytes that makes a rendition hot in every region."""
MIN_REQUESTS = 60.0
"""Decaying sum of requests (about three viewers) below which nothing is hot, whatever its share."""
RISING_FACTOR = 2.0
"""A rendition is rising when its current rate is this many times that of the last minute."""
HOLD_SECONDS = 60.0
"""Seconds for which demand must stay lower before a list shrinks."""
FIRST_SEGMENTS = 4
"""Segments held of a rendition at MIN_SHARE; twice as many with each doubling of its share."""
MAX_HOT = 300
"""Renditions on a region's hot list."""


class EdgeCapacity(NamedTuple):
    """A healthy edge that takes viewers. `weight`: its capacity relative to other edges."""

    id: str
    region: str
    weight: float = 1.0


@dataclass(slots=True)
class _HotRendition:
    """A rendition on a region's list. `weaker_since`: when demand fell below what is held (inf: it has not)."""

    segments: int
    urgent_until: float
    share: float
    weaker_since: float = math.inf


@dataclass(slots=True)
class _TitleReplicas:
    """The number of edges that hold a title. `fewer_since`: when fewer became enough (inf: they are not)."""

    count: int
    fewer_since: float = math.inf


def weight_of(capacity: int) -> float:
    """The weight of an edge with this capacity in bits per second (0: unknown), in units of 1 Gbit/s."""
    return capacity / 1e9 if capacity > 0 else 1.0


class HotTitlePlanner:
    """The hot lists of all regions. Call `plan` every second or two, with all edges."""

    def __init__(self) -> None:
        self._hot: dict[str, dict[Rendition, _HotRendition]] = {}
        self._replicas: dict[str, dict[str, _TitleReplicas]] = {}
        self._edge_orders: dict[str, tuple[list[EdgeCapacity], dict[str, list[str]]]] = {}

    def replicas(self, region: str, content_id: str) -> int:
        """The number of edges of the region that hold a title; 1 unless it is hot."""
        found = self._replicas.get(region, {}).get(content_id)
        return found.count if found is not None else 1

    def hot_renditions(self, region: str) -> list[tuple[Rendition, int, float]]:
        """(rendition, first segments, share) of a region's hot list, the hottest first."""
        rows = self._hot.get(region, {}).items()
        return [(name, hot.segments, hot.share) for name, hot in sorted(rows, key=lambda row: -row[1].share)]

    def plan(self, popularity: Popularity, edges: Sequence[EdgeCapacity], now: float) -> dict[str, tuple[HotRow, ...]]:
        """The rows that each edge must hold, by edge id, the hottest first."""
        fleet = [rank for rank in popularity.ranked(now) if rank.share >= MIN_FLEET_SHARE]
        by_region: dict[str, list[EdgeCapacity]] = {}
        for edge in sorted(edges):
            by_region.setdefault(edge.region, []).append(edge)
        self._forget_regions(self._hot.keys() - by_region.keys())
        lists: dict[str, list[HotRow]] = {edge.id: [] for edge in edges}
        for region, members in by_region.items():
            self._update_region(region, popularity.ranked(now, region), fleet, len(members), now)
            for rendition, row in self._hot_rows(region, now):
                count = self.replicas(region, rendition.content_id)
                for edge_id in self._edge_order(region, rendition.content_id, members)[:count]:
                    lists[edge_id].append(row)
        return {edge_id: tuple(rows) for edge_id, rows in lists.items()}

    def _forget_regions(self, regions: Iterable[str]) -> None:
        for region in regions:
            del self._hot[region]
            self._replicas.pop(region, None)
            self._edge_orders.pop(region, None)

    def _edge_order(self, region: str, content_id: str, edges: list[EdgeCapacity]) -> list[str]:
        """`order_edges`, remembered while the region's edges stay the same."""
        known = self._edge_orders.get(region)
        if known is None or known[0] != edges:
            known = self._edge_orders[region] = (edges, {})
        orders = known[1]
        if content_id not in orders:
            if len(orders) > 2 * MAX_HOT:
                orders.clear()
            orders[content_id] = order_edges(content_id, edges)
        return orders[content_id]

    def _hot_rows(self, region: str, now: float) -> Iterable[tuple[Rendition, HotRow]]:
        for rendition, segments, _ in self.hot_renditions(region):
            urgent = now < self._hot[region][rendition].urgent_until
            yield rendition, HotRow(rendition.content_id, rendition.name, segments, urgent)

    def _update_region(self, region: str, ranks: Sequence[Rank], fleet: Sequence[Rank], edges: int, now: float) -> None:
        """Admit, grow, shrink and drop renditions of a region's list, then set the replicas of its titles."""
        hot = self._hot.setdefault(region, {})
        wanted = {rank.rendition: rank for rank in ranks if rank.share >= MIN_SHARE and rank.requests >= MIN_REQUESTS}
        shares = {rank.rendition: rank.share for rank in ranks}
        for rank in fleet:
            if rank.requests >= MIN_REQUESTS:
                wanted.setdefault(rank.rendition, rank._replace(share=MIN_SHARE))
        for rendition, rank in wanted.items():
            _admit_or_update(hot, rendition, rank, now)
        for rendition, held in tuple(hot.items()):
            if rendition not in wanted:
                held.share = shares.get(rendition, 0.0)
                is_weak = held.share < MIN_SHARE / 2
                held.weaker_since = min(held.weaker_since, now) if is_weak else math.inf
                if now - held.weaker_since >= HOLD_SECONDS:
                    del hot[rendition]
        for rendition, _, _ in self.hot_renditions(region)[MAX_HOT:]:
            del hot[rendition]
        self._update_replicas(region, ranks, edges, now)

    def _update_replicas(self, region: str, ranks: Sequence[Rank], edges: int, now: float) -> None:
        """Set the number of edges that hold each hot title: a title counts the sum of its renditions."""
        hot, replicas = self._hot[region], self._replicas.setdefault(region, {})
        total = sum(rank.popularity for rank in ranks) or 1.0
        shares: dict[str, float] = {}
        popularity: dict[str, float] = {}
        for rank in ranks:
            if rank.rendition in hot:
                title = rank.rendition.content_id
                shares[title] = shares.get(title, 0.0) + rank.share
                popularity[title] = popularity.get(title, 0.0) + rank.popularity / total
        titles = {rendition.content_id for rendition in hot}
        rising = {rendition.content_id for rendition, held in hot.items() if now < held.urgent_until}
        for title in titles:
            wanted = replicas_needed(shares.get(title, 0.0), popularity.get(title, 0.0), edges, rising=title in rising)
            _set_replicas(replicas, title, min(wanted, edges), now)
        for title in (*replicas,):
            if title not in titles:
                del replicas[title]
            else:
                replicas[title].count = max(1, min(replicas[title].count, edges))


def _admit_or_update(hot: dict[Rendition, _HotRendition], rendition: Rendition, rank: Rank, now: float) -> None:
    """Put a rendition on the list, or adjust it: more segments at once, fewer after HOLD_SECONDS."""
    segments = first_segments(rank.share)
    held = hot.setdefault(rendition, _HotRendition(segments, 0.0, rank.share))
    held.share = rank.share
    if rank.rise >= RISING_FACTOR:
        held.urgent_until = now + HOLD_SECONDS
    if segments < held.segments:
        held.weaker_since = min(held.weaker_since, now)
        if now - held.weaker_since < HOLD_SECONDS:
            return
    held.segments, held.weaker_since = segments, math.inf


def _set_replicas(replicas: dict[str, _TitleReplicas], title: str, wanted: int, now: float) -> None:
    """Change the replicas of a title: more at once, fewer after HOLD_SECONDS."""
    held = replicas.setdefault(title, _TitleReplicas(wanted))
    if wanted < held.count:
        held.fewer_since = min(held.fewer_since, now)
        if now - held.fewer_since < HOLD_SECONDS:
            return
    held.count, held.fewer_since = wanted, math.inf


def replicas_needed(share: float, popularity: float, edges: int, *, rising: bool) -> int:
    """The number of `edges` that must hold a title with this share of the region's bytes and of its viewings.

    No edge may get more than the load bound's part of the mean, and the replicas are proportional to the popularity.
    """
    needed = math.ceil(share * edges / LOAD_BOUND - 1e-9)
    proportional = math.ceil(popularity * edges - 1e-9)
    return max(1, min(edges, max(needed, proportional, 2 if rising else 1)))


def first_segments(share: float) -> int:
    """The number of first segments to hold of a rendition: twice as many with each doubling of its share."""
    doublings = int(math.log2(max(1.0, share / MIN_SHARE)))
    return min(MAX_SEGMENTS, FIRST_SEGMENTS << doublings)


def order_edges(content_id: str, edges: Sequence[EdgeCapacity]) -> list[str]:
    """The ids of a region's edges in the order in which they hold a title and routing names them."""
    candidates = [Candidate(edge.id.encode(), max(edge.weight, 1e-9), 0) for edge in edges]
    return [edges[index].id for index in order(content_id.encode(), candidates)]


def changed_edges(before: Mapping[str, tuple[HotRow, ...]], after: Mapping[str, tuple[HotRow, ...]]) -> list[str]:
    """The edges whose rows differ; the order of rows does not matter."""
    names = before.keys() | after.keys()
    return [name for name in sorted(names) if set(before.get(name, ())) != set(after.get(name, ()))]
