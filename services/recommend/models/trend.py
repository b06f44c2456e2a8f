"""What a country watches now: counts that fade, over a window that widens until it holds enough."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from services.recommend.models.interactions import Doubles, Floats, Indices, Interactions

ENOUGH = 1000.0
"""A trend needs the faded weight of this many events, or of half of all events if there are fewer."""
MAX_COUNTRIES = 250


@dataclass(frozen=True)
class Trend:
    """Faded counts by title at `at` (Unix seconds); `half_life` in seconds."""

    counts: Doubles
    at: float
    half_life: float


def fading(at: Doubles, now: float, half_life: float) -> Doubles:
    """The weight at `now` of events at `at`, 0 to 1; events in the future have weight 1."""
    return np.exp2(-np.maximum(0.0, now - at) / half_life)


def fit_trend(item: Indices, weight: Floats, at: Doubles, size: int, half_life: float) -> Trend:
    """The trend at the newest event; the half-life doubles until it covers enough events."""
    newest = float(at.max(initial=0.0))
    enough = min(ENOUGH, len(at) / 2)
    while float(fading(at, newest, half_life).sum()) < enough:
        half_life *= 2
    counts = np.bincount(item, weights=weight * fading(at, newest, half_life), minlength=size)
    return Trend(counts.astype(np.float64), newest, half_life)


def fit_trends(found: Interactions, half_life: float) -> dict[str, Trend]:
    """The trend of everywhere ("") and of each country, the MAX_COUNTRIES with most events."""
    size = len(found.items)
    trends = {"": fit_trend(found.item, found.weight, found.at, size, half_life)}
    known = found.country[found.country >= 0]
    counts = np.bincount(known, minlength=len(found.countries))
    for number in np.argsort(-counts, kind="stable")[:MAX_COUNTRIES]:
        rows = found.country == number
        if rows.any():
            trends[found.countries[number]] = fit_trend(
                found.item[rows], found.weight[rows], found.at[rows], size, half_life
            )
    return trends
