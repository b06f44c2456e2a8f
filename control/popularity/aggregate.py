"""What viewers take, merged of the edges' reports: by region and everywhere. Pure: time comes in.

Popularity of a rendition is the bytes served of it over its size: how many whole viewings of it are being
taken. A region sees what its own edges serve; the whole fleet sees the sum.

An edge tells faded sums. What is new since it told of a rendition before is the difference to that, faded, and goes
into two sums of the region: one that fades as slowly as the edges' own, and one that fades within seconds, by which a
rise is seen at once. So a report may leave out what has hardly changed, and costs what is in it.
"""

from __future__ import annotations

import math
from collections.abc import Container, Iterable, Iterator, Mapping
from typing import NamedTuple

from kernel.fleet.messages import Popular
from kernel.heavy_hitters import HALF_LIFE, Estimate, HeavyHitters

RISE_HALF_LIFE = 5.0
"""Seconds in which the sums fade by which rises are seen."""
HELD = 2 * HALF_LIFE
"""Seconds of an edge's capacity that one report may tell of: sums fade, and small ones are told now and then."""
PLACES = 5_000
"""Renditions remembered of each region."""
MAX_SIZES = 50_000
UNKNOWN_SIZE = 1 << 30
"""Bytes that a rendition counts as whose size no edge knows."""
RESTARTED = 0.9
"""Of what an edge told before, faded, this share must be in what it tells now, or else it has begun anew."""


class Rendition(NamedTuple):
    """A rendition of a title."""

    content_id: str
    name: str


class Rank(NamedTuple):
    """A rendition among all. `popularity` in viewings, `bytes` and `requests` faded sums, `share` of all bytes.

    `rise`: how many times its sum of seconds is that of the last minute; 1 when nothing changes.
    """

    rendition: Rendition
    popularity: float
    bytes: float
    requests: float
    share: float
    rise: float = 1.0


class _Told(NamedTuple):
    bytes: float
    requests: float
    at: float


class _Sums:
    """Of one region."""

    def __init__(self) -> None:
        self.slow: HeavyHitters[Rendition] = HeavyHitters(PLACES, HALF_LIFE)
        self.fast: HeavyHitters[Rendition] = HeavyHitters(PLACES, RISE_HALF_LIFE)

    def add(self, rendition: Rendition, size: float, requests: float, now: float, *, lately: bool) -> None:
        """So much is new; `lately`: of the last seconds."""
        self.slow.record(rendition, size, requests, now)
        if lately:
            self.fast.record(rendition, size, requests, now)


class Popularity:
    """What each edge told last, and the sums of all."""

    def __init__(self) -> None:
        self._told: dict[str, dict[Rendition, _Told]] = {}
        self._left: dict[str, tuple[float, float]] = {}
        self._sums: dict[str, _Sums] = {}
        self._sizes: dict[Rendition, int] = {}

    def report(self, edge: str, region: str, rows: Iterable[Popular], now: float, most: float = math.inf) -> None:
        """An edge says what is taken there; what it leaves out has only faded. `now` in mono seconds.

        `most`: bytes a second that it can send. What it tells beyond that is scaled down to it.
        """
        first = edge not in self._told  # what it took before we knew it is no rise
        before = self._told.setdefault(edge, {})
        taken = list(_news(before, rows, now))
        share = self._justified(edge, sum(size for _, size, _ in taken), most, now)
        sums = self._sums.setdefault(region, _Sums())
        for row, new, requests in taken:
            before[Rendition(row.content_id, row.rendition)] = _Told(row.bytes, row.requests, now)
            if new > 0 or requests > 0:
                sums.add(Rendition(row.content_id, row.rendition), new * share, requests * share, now, lately=not first)
            if row.size:
                self._learn(Rendition(row.content_id, row.rendition), row.size)
        if len(before) > PLACES:
            self._told[edge] = dict(sorted(before.items(), key=lambda item: -item[1].at)[: PLACES // 2])

    def _justified(self, edge: str, size: float, most: float, now: float) -> float:
        """The share of what an edge tells that it can have sent: it earns `most` a second, for HELD seconds at most."""
        if most == math.inf:
            return 1.0
        left, since = self._left.get(edge, (most * HELD, now))
        left = min(most * HELD, left + most * max(0.0, now - since))
        used = min(size, left)
        self._left[edge] = (left - used, now)
        return used / size if size > 0 else 1.0

    def keep(self, edges: Container[str], regions: Container[str]) -> None:
        """Forget all other edges, and regions where no edge is."""
        for name in [name for name in self._told if name not in edges]:
            self.forget(name)
        for name in [name for name in self._sums if name not in regions]:
            del self._sums[name]

    def forget(self, edge: str) -> None:
        """The edge is gone for good: what was taken there fades."""
        self._told.pop(edge, None)
        self._left.pop(edge, None)

    @property
    def regions(self) -> list[str]:
        """Where edges report from."""
        return sorted(self._sums)

    def ranked(self, now: float, region: str | None = None, most: int = PLACES) -> list[Rank]:
        """What is taken in a region, or everywhere, the most popular first."""
        meant = [one for name, one in self._sums.items() if region in (None, name)]
        slow = _together([one.slow.top(PLACES, now) for one in meant])
        fast = _together([one.fast.top(PLACES, now) for one in meant])
        taken = {one: _heat(slow.get(one), fast.get(one)) for one in slow.keys() | fast.keys()}
        total = sum(heat.bytes for heat in taken.values()) or 1.0
        found = [
            Rank(
                rendition,
                heat.bytes / self._sizes.get(rendition, UNKNOWN_SIZE),
                heat.bytes,
                heat.requests,
                heat.bytes / total,
                heat.bytes / max(1.0, slow[rendition].bytes) if rendition in slow else 1.0,
            )
            for rendition, heat in taken.items()
        ]
        return sorted(found, key=lambda rank: (-rank.popularity, rank.rendition))[:most]

    def _learn(self, rendition: Rendition, size: int) -> None:
        known = self._sizes.pop(rendition, 0)
        self._sizes[rendition] = max(known, size) if size * 4 > known else size
        if len(self._sizes) > MAX_SIZES:
            del self._sizes[next(iter(self._sizes))]


def _news(
    before: Mapping[Rendition, _Told], rows: Iterable[Popular], now: float
) -> Iterator[tuple[Popular, float, float]]:
    """Of each row the bytes and requests that are new since it was told before."""
    for row in rows:
        held = before.get(Rendition(row.content_id, row.rendition))
        new, requests = row.bytes, row.requests
        if held is not None:
            fade = 0.5 ** ((now - held.at) / HALF_LIFE)
            if new >= RESTARTED * held.bytes * fade:
                new = max(0.0, new - held.bytes * fade)
                requests = max(0.0, requests - held.requests * fade)
        yield row, new, requests


def _together(tops: list[list[tuple[Rendition, Estimate]]]) -> dict[Rendition, Estimate]:
    """The sums of several regions, added up."""
    found = dict(tops[0]) if tops else {}
    for top in tops[1:]:
        for rendition, taken in top:
            held = found.get(rendition)
            found[rendition] = taken if held is None else Estimate(*map(sum, zip(held, taken, strict=True)))
    return found


def _heat(slow: Estimate | None, fast: Estimate | None) -> Estimate:
    """The greater of what the last minute and what the last seconds would make, if they went on for ever."""
    scale = HALF_LIFE / RISE_HALF_LIFE
    known = slow or Estimate(0.0, 0.0, 0.0)
    lately = fast or Estimate(0.0, 0.0, 0.0)
    return Estimate(
        max(known.bytes, lately.bytes * scale), max(known.requests, lately.requests * scale), known.max_error_bytes
    )
