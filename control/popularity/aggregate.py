"""Popularity of renditions by region and in the whole fleet, from the edges' reports. Pure; time is passed in.

The popularity of a rendition is the bytes served of it divided by its size: the number of complete viewings under way.
A region counts what its own edges serve, the fleet counts all of them.

Edges report decaying sums. The increment since an edge's last report of a rendition goes into two sums of its region:
a slow one that decays like the edges' own, and a fast one that decays within seconds and shows a rise at once. So a
report may leave out what has hardly changed.
"""

from __future__ import annotations

import math
from collections.abc import Container, Iterable, Iterator, Mapping
from typing import NamedTuple

from kernel.fleet.messages import Popular
from kernel.heavy_hitters import HALF_LIFE, Estimate, HeavyHitters

RISE_HALF_LIFE = 5.0
"""Half-life of the fast sums, in seconds."""
MAX_CREDIT_SECONDS = 2 * HALF_LIFE
"""Seconds of an edge's capacity that one report may account for: edges report small sums only now and then."""
MAX_RENDITIONS = 5_000
"""Renditions remembered per region."""
MAX_SIZES = 50_000
UNKNOWN_SIZE = 1 << 30
"""Bytes assumed for a rendition whose size no edge has reported."""
MIN_CARRIED_SHARE = 0.9
"""A sum below this share of the edge's last one, decayed, means that the edge has restarted."""


class Rendition(NamedTuple):
    """A rendition of a title."""

    content_id: str
    name: str


class Rank(NamedTuple):
    """A rendition in a ranking. `popularity` in viewings, `bytes` and `requests` decaying sums, `share` of all bytes.

    `rise`: the current rate over that of the last minute; 1 when nothing changes.
    """

    rendition: Rendition
    popularity: float
    bytes: float
    requests: float
    share: float
    rise: float = 1.0


class _LastReport(NamedTuple):
    bytes: float
    requests: float
    at: float


class _RegionSums:
    """The slow and the fast sums of one region."""

    def __init__(self) -> None:
        self.slow: HeavyHitters[Rendition] = HeavyHitters(MAX_RENDITIONS, HALF_LIFE)
        self.fast: HeavyHitters[Rendition] = HeavyHitters(MAX_RENDITIONS, RISE_HALF_LIFE)

    def record(self, rendition: Rendition, size: float, requests: float, now: float, *, is_recent: bool) -> None:
        """Add an increment; `is_recent`: it happened within the last seconds."""
        self.slow.record(rendition, size, requests, now)
        if is_recent:
            self.fast.record(rendition, size, requests, now)


class Popularity:
    """Each edge's last report, and the sums of every region."""

    def __init__(self) -> None:
        self._last_reports: dict[str, dict[Rendition, _LastReport]] = {}
        self._credit: dict[str, tuple[float, float]] = {}
        self._sums: dict[str, _RegionSums] = {}
        self._sizes: dict[Rendition, int] = {}

    def record_report(
        self, edge: str, region: str, rows: Iterable[Popular], now: float, max_rate: float = math.inf
    ) -> None:
        """Add an edge's report; renditions that it leaves out have only decayed. `now` in mono seconds.

        `max_rate`: bytes per second that the edge can send. A report beyond that is scaled down to it.
        """
        # An edge's first report covers an unknown time, so it must not look like a rise.
        is_first = edge not in self._last_reports
        before = self._last_reports.setdefault(edge, {})
        increments = list(_increments(before, rows, now))
        share = self._plausible_share(edge, sum(size for _, size, _ in increments), max_rate, now)
        sums = self._sums.setdefault(region, _RegionSums())
        for row, size, requests in increments:
            rendition = Rendition(row.content_id, row.rendition)
            before[rendition] = _LastReport(row.bytes, row.requests, now)
            if size > 0 or requests > 0:
                sums.record(rendition, size * share, requests * share, now, is_recent=not is_first)
            if row.size:
                self._remember_size(rendition, row.size)
        if len(before) > MAX_RENDITIONS:
            latest = sorted(before.items(), key=lambda item: -item[1].at)
            self._last_reports[edge] = dict(latest[: MAX_RENDITIONS // 2])

    def _plausible_share(self, edge: str, size: float, max_rate: float, now: float) -> float:
        """The share of a report that the edge can have sent: a token bucket of MAX_CREDIT_SECONDS at `max_rate`."""
        if max_rate == math.inf:
            return 1.0
        credit, since = self._credit.get(edge, (max_rate * MAX_CREDIT_SECONDS, now))
        credit = min(max_rate * MAX_CREDIT_SECONDS, credit + max_rate * max(0.0, now - since))
        used = min(size, credit)
        self._credit[edge] = (credit - used, now)
        return used / size if size > 0 else 1.0

    def forget_others(self, edges: Container[str], regions: Container[str]) -> None:
        """Forget all edges but these, and all regions but these."""
        for name in [name for name in self._last_reports if name not in edges]:
            self.forget(name)
        for name in [name for name in self._sums if name not in regions]:
            del self._sums[name]

    def forget(self, edge: str) -> None:
        """Forget an edge that left for good; what it served decays."""
        self._last_reports.pop(edge, None)
        self._credit.pop(edge, None)

    @property
    def regions(self) -> list[str]:
        """The regions that edges report from."""
        return sorted(self._sums)

    def ranked(self, now: float, region: str | None = None, limit: int = MAX_RENDITIONS) -> list[Rank]:
        """The renditions of a region (None: of the whole fleet), the most popular first."""
        chosen = [sums for name, sums in self._sums.items() if region in (None, name)]
        slow = _added_up([sums.slow.top(MAX_RENDITIONS, now) for sums in chosen])
        fast = _added_up([sums.fast.top(MAX_RENDITIONS, now) for sums in chosen])
        current = {one: _greater_estimate(slow.get(one), fast.get(one)) for one in slow.keys() | fast.keys()}
        total = sum(estimate.bytes for estimate in current.values()) or 1.0
        ranks = [
            Rank(
                rendition,
                estimate.bytes / self._sizes.get(rendition, UNKNOWN_SIZE),
                estimate.bytes,
                estimate.requests,
                estimate.bytes / total,
                estimate.bytes / max(1.0, slow[rendition].bytes) if rendition in slow else 1.0,
            )
            for rendition, estimate in current.items()
        ]
        return sorted(ranks, key=lambda rank: (-rank.popularity, rank.rendition))[:limit]

    def _remember_size(self, rendition: Rendition, size: int) -> None:
        known = self._sizes.pop(rendition, 0)
        self._sizes[rendition] = max(known, size) if size * 4 > known else size
        if len(self._sizes) > MAX_SIZES:
            del self._sizes[next(iter(self._sizes))]


def _increments(
    before: Mapping[Rendition, _LastReport], rows: Iterable[Popular], now: float
) -> Iterator[tuple[Popular, float, float]]:
    """(row, bytes, requests): each row with what was served since the edge's last report of that rendition."""
    for row in rows:
        last = before.get(Rendition(row.content_id, row.rendition))
        size, requests = row.bytes, row.requests
        if last is not None:
            decay = 0.5 ** ((now - last.at) / HALF_LIFE)
            if size >= MIN_CARRIED_SHARE * last.bytes * decay:
                size = max(0.0, size - last.bytes * decay)
                requests = max(0.0, requests - last.requests * decay)
        yield row, size, requests


def _added_up(tops: list[list[tuple[Rendition, Estimate]]]) -> dict[Rendition, Estimate]:
    """The sums of several regions, added up."""
    total = dict(tops[0]) if tops else {}
    for top in tops[1:]:
        for rendition, estimate in top:
            held = total.get(rendition)
            total[rendition] = estimate if held is None else Estimate(*map(sum, zip(held, estimate, strict=True)))
    return total


def _greater_estimate(slow: Estimate | None, fast: Estimate | None) -> Estimate:
    """The greater of the slow sum and the fast one scaled to it: what each would reach at its current rate."""
    scale = HALF_LIFE / RISE_HALF_LIFE
    minute = slow or Estimate(0.0, 0.0, 0.0)
    seconds = fast or Estimate(0.0, 0.0, 0.0)
    return Estimate(
        max(minute.bytes, seconds.bytes * scale), max(minute.requests, seconds.requests * scale), minute.max_error_bytes
    )
