"""Counts what lists show, by country: how much of the catalogue, how evenly, how much of it nobody watched yet. Pure.

Two windows of an hour, the running one and the last: what is told is of one hour to two.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from services.recommend.models.interactions import Floats, Indices, Mask

WINDOW_SECONDS = 3_600.0
MAX_COUNTRIES = 64
OTHERS = "other"
"""Where countries beyond MAX_COUNTRIES are counted together."""
UNKNOWN = ""
COLD_VIEWERS = 5.0
"""A title with fewer viewers in the served model is cold."""


@dataclass
class CountryCount:
    """Lists by their source, and how often each title was shown, by position."""

    lists: Counter[str] = field(default_factory=Counter)
    shown: Indices = field(default_factory=lambda: np.zeros(0, np.int32))


@dataclass
class Census:
    """The counts of this process. `now` is by the monotonic clock."""

    began: float = 0.0
    counts: dict[str, CountryCount] = field(default_factory=dict)
    before: dict[str, CountryCount] = field(default_factory=dict)

    def count_list(self, country: str | None, source: str, positions: Iterable[int], size: int, now: float) -> None:
        """Count a list of titles; `size` of the table that they are in."""
        if now - self.began >= WINDOW_SECONDS:
            self.before = self.counts if now - self.began < 2 * WINDOW_SECONDS else {}
            self.counts, self.began = {}, now
        name = country or UNKNOWN
        if name not in self.counts and len(self.counts) >= MAX_COUNTRIES:
            name = OTHERS
        held = self.counts.setdefault(name, CountryCount())
        held.lists[source] += 1
        if len(held.shown) < size:
            held.shown = np.concatenate([held.shown, np.zeros(size + size // 8 - len(held.shown), np.int32)])
        for at in positions:
            held.shown[at] += 1

    def countries(self) -> list[str]:
        """The countries that lists were made for."""
        return sorted({*self.counts, *self.before})

    def of_country(self, country: str, size: int) -> tuple[Counter[str], Indices]:
        """(lists by source, how often each of `size` titles was shown)."""
        lists: Counter[str] = Counter()
        shown = np.zeros(size, np.int32)
        for window in (self.counts, self.before):
            if (held := window.get(country)) is not None:
                lists.update(held.lists)
                part = held.shown[:size]
                shown[: len(part)] += part
        return lists, shown


def judge_lists(lists: Counter[str], shown: Indices, allowed: Mask, viewers: Floats) -> dict[str, Any]:
    """One country's figures, as JSON.

    `allowed` are the titles that may be shown there, `viewers` how many each title had when the model was trained.
    """
    total = sum(lists.values())
    among = shown[allowed]
    impressions = int(shown.sum())
    cold = viewers < COLD_VIEWERS
    fallen = sum(count for source, count in lists.items() if source.startswith("trend-"))
    return {
        "lists": total,
        "sources": dict(sorted(lists.items())),
        "fallbackRate": round(fallen / total, 6) if total else 0.0,
        "titles": int(allowed.sum()),
        "titlesShown": int((among > 0).sum()),
        "coverage": round(float((among > 0).mean()), 6) if len(among) else 0.0,
        "gini": round(gini(among), 6),
        "coldShare": round(float(shown[cold].sum()) / impressions, 6) if impressions else 0.0,
        "coldTitles": int((cold & allowed).sum()),
    }


def gini(counts: Indices) -> float:
    """How unevenly impressions fall on titles: 0 = all alike, near 1 = one title has them all (Gini's coefficient)."""
    total = float(counts.sum())
    if not len(counts) or total <= 0:
        return 0.0
    ordered = np.sort(counts).astype(np.float64)
    place = np.arange(1, len(ordered) + 1)
    return float((2 * place - len(ordered) - 1) @ ordered / (len(ordered) * total))
