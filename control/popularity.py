"""What viewers take, merged of the edges' reports: by region and everywhere. Pure: time comes in.

Popularity of a rendition is the bytes served of it over its size: how many whole viewings of it are being
taken. A region sees what its own edges serve; the whole fleet sees the sum.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

from kernel.fleet import Popular
from kernel.heavy import HALF_LIFE

FORGET_AFTER = 600.0
"""Seconds after which the last report of an edge that fell silent counts for nothing."""
UNKNOWN_SIZE = 1 << 30
"""Bytes that a rendition counts as whose size no edge knows."""


class Rendition(NamedTuple):
    """A rendition of a title."""

    content_id: str
    name: str


class Rank(NamedTuple):
    """A rendition among all. `popularity` in viewings, `bytes` and `requests` faded sums, `share` of all bytes."""

    rendition: Rendition
    popularity: float
    bytes: float
    requests: float
    share: float


@dataclass(frozen=True, slots=True)
class _Report:
    region: str
    at: float
    rows: tuple[Popular, ...]


class Popularity:
    """The last report of each edge, and what follows of all."""

    def __init__(self) -> None:
        self._reports: dict[str, _Report] = {}

    def report(self, edge: str, region: str, rows: Iterable[Popular], now: float) -> None:
        """An edge says what is taken there: it replaces what it said before."""
        self._reports[edge] = _Report(region, now, tuple(rows))

    def forget(self, edge: str) -> None:
        """The edge is gone for good."""
        self._reports.pop(edge, None)

    @property
    def regions(self) -> list[str]:
        """Where edges report from."""
        return sorted({report.region for report in self._reports.values()})

    def ranked(self, now: float, region: str | None = None) -> list[Rank]:
        """All that is taken in a region, or everywhere, the most popular first."""
        sums: dict[Rendition, list[float]] = {}
        for name, report in list(self._reports.items()):
            if now - report.at > FORGET_AFTER:
                del self._reports[name]
            elif region in (None, report.region):
                _add(sums, report, 0.5 ** ((now - report.at) / HALF_LIFE))
        total = sum(taken for taken, _, _ in sums.values()) or 1.0
        found = [
            Rank(rendition, taken / (size or UNKNOWN_SIZE), taken, requests, taken / total)
            for rendition, (taken, requests, size) in sums.items()
        ]
        return sorted(found, key=lambda rank: (-rank.popularity, rank.rendition))


def _add(sums: dict[Rendition, list[float]], report: _Report, fade: float) -> None:
    for row in report.rows:
        held = sums.setdefault(Rendition(row.content_id, row.rendition), [0.0, 0.0, 0.0])
        held[0] += row.bytes * fade
        held[1] += row.requests * fade
        held[2] = max(held[2], float(row.size))
