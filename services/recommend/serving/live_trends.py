"""Trends that move with each event: the trained ones, and what came in since. Pure.

A count is kept as it would weigh at the moment of the trend's training: an event later than that counts more than 1, by
what the older ones have faded since. So nothing needs to be recomputed as time passes.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping

import numpy as np

from services.recommend.models.interactions import Doubles, Indices
from services.recommend.models.trend import Trend

MAX_EXPONENT = 300.0
"""Half-lives after the training at which counts are scaled down, before they overflow."""
MAX_PAIRS = 200_000
"""Latest pairs of viewer and title that are remembered, so that nobody counts twice."""
MAX_COUNTRIES = 300
EVERYWHERE_SHARE = 0.1
"""How much the trend of everywhere adds to a country's own."""


class LiveTrends:
    """Faded counts by country ("" = everywhere) and title position."""

    def __init__(self, half_life: float) -> None:
        self._half_life = half_life
        self._counts: dict[str, Doubles] = {}
        self._origin: dict[str, tuple[float, float]] = {}
        self._pairs: OrderedDict[tuple[str, int], None] = OrderedDict()
        self.version = 0

    def start_from(self, trends: Mapping[str, Trend], positions: Indices) -> None:
        """Restart from trained trends; `positions` are those of the model's items, -1 = unknown."""
        known = positions >= 0
        size = int(positions.max(initial=-1)) + 1
        self._counts, self._origin = {}, {}
        for country, trend in trends.items():
            counts = np.zeros(size)
            counts[positions[known]] = trend.counts[known]
            self._counts[country] = counts
            self._origin[country] = (trend.at, trend.half_life)
        self._pairs.clear()
        self.version += 1

    def count_event(self, user: str, position: int, country: str | None, at: float, now: float) -> None:
        """Count that a viewer watched a title at `at` (Unix seconds); once, however often they did lately."""
        if (user, position) in self._pairs:
            self._pairs.move_to_end((user, position))
            return
        self._pairs[user, position] = None
        if len(self._pairs) > MAX_PAIRS:
            self._pairs.popitem(last=False)
        for name in {"", country or ""}:
            if name in self._counts or len(self._counts) < MAX_COUNTRIES:
                self._count(name, position, min(at, now))
        self.version += 1

    def _count(self, country: str, position: int, at: float) -> None:
        origin, half_life = self._origin.setdefault(country, (at, self._half_life))
        exponent = (at - origin) / half_life
        counts = self._counts.get(country)
        if counts is None or position >= len(counts):
            grown = np.zeros(max(64, 2 * (position + 1)))
            grown[: 0 if counts is None else len(counts)] = 0.0 if counts is None else counts
            counts = self._counts[country] = grown
        if exponent > MAX_EXPONENT:
            counts *= np.exp2(-exponent)
            self._origin[country] = (at, half_life)
            exponent = 0.0
        counts[position] += np.exp2(exponent)

    def scores(self, country: str | None, size: int) -> Doubles:
        """One value for each of `size` titles, at most 1 plus EVERYWHERE_SHARE; 0 for what nobody watches."""
        everywhere = _scaled(self._counts.get(""), size)
        if not country or country not in self._counts:
            return everywhere
        return _scaled(self._counts[country], size) + EVERYWHERE_SHARE * everywhere


def _scaled(counts: Doubles | None, size: int) -> Doubles:
    found = np.zeros(size)
    if counts is not None:
        kept = counts[:size]
        top = kept.max(initial=0.0)
        if top > 0:
            found[: len(kept)] = kept / top
    return found
