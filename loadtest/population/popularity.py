"""How often each title is chosen, day by day: Zipf weights that drift, and releases that peak and decay.

Sources. Zipf exponents reported for web and video catalogues lie between 0.6 and 1.1: Breslau et al., "Web caching and
Zipf-like distributions", INFOCOM 1999 (0.64 to 0.83); Cha et al., "I Tube, You Tube, Everybody Tubes", IMC 2007; Yu et
al., "Understanding user behavior in large-scale video-on-demand systems", EuroSys 2006. New titles peak when they are
released and decay within days (Yu et al., Cha et al.). Size of the drift, boost and cap are chosen, so that LRU over
the resulting requests comes near the video traffic published with Sabnis and Sitaraman, "TRAGEN", IMC 2021.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from random import Random

MAX_TITLES = 1_000_000
MAX_DAYS = 366

_DRIFT_MEMORY = 0.8
"""Share of yesterday's deviation that is left today; the rest is drawn, so that the spread stays the same."""


@dataclass(frozen=True, slots=True)
class Popularity:
    """The shape of a catalogue's demand. Titles are numbered by rank, from 0."""

    exponent: float = 1.1
    """Zipf: the weight of rank r is (r + 1) ^ -exponent."""
    drift: float = 0.3
    """Standard deviation of a title's log weight around its rank's."""
    new_share: float = 0.15
    """Share of the titles that are released during the run's days."""
    release_boost: float = 20.0
    """Weight added on the day of the release, in multiples of the rank's weight."""
    release_decay_days: float = 2.0
    """Days in which the boost falls to 1/e."""
    max_share: float = 0.10
    """No title gets more of a day's sessions, if there are enough titles."""


def weights_by_day(popularity: Popularity, titles: int, days: int, seed: int) -> list[list[float]]:
    """One row a day: each title's share of that day's sessions; a row sums to 1.

    A title that is released later has share 0 until its day. The first title exists from the start.
    """
    if not 1 <= titles <= MAX_TITLES:
        raise ValueError(f"a catalogue has 1 to {MAX_TITLES} titles, not {titles}")
    if not 1 <= days <= MAX_DAYS:
        raise ValueError(f"a population lasts 1 to {MAX_DAYS} days, not {days}")
    random = Random(f"popularity/{seed}")
    base = [(rank + 1) ** -popularity.exponent for rank in range(titles)]
    released = [_release_day(popularity, days, rank, random) for rank in range(titles)]
    deviation = [random.gauss(0, popularity.drift) for _ in range(titles)]
    rows = []
    for day in range(days):
        row = [
            weight * math.exp(off) * _release_factor(popularity, since, day)
            for weight, off, since in zip(base, deviation, released, strict=True)
        ]
        rows.append(capped(row, popularity.max_share))
        fresh = popularity.drift * math.sqrt(1 - _DRIFT_MEMORY**2)
        deviation = [_DRIFT_MEMORY * off + random.gauss(0, fresh) for off in deviation]
    return rows


def _release_day(popularity: Popularity, days: int, rank: int, random: Random) -> int | None:
    """The day on which the title appears; None when it was there before the run. Draws the same for every title."""
    is_new, day = random.random() < popularity.new_share, random.randrange(days)
    return day if is_new and rank > 0 and days > 1 else None


def _release_factor(popularity: Popularity, released: int | None, day: int) -> float:
    if released is None:
        return 1.0
    if day < released:
        return 0.0
    return 1.0 + popularity.release_boost * math.exp((released - day) / popularity.release_decay_days)


def capped(weights: Sequence[float], max_share: float) -> list[float]:
    """Shares that sum to 1, none above `max_share`; what is cut goes to the others in proportion.

    Where there are too few titles for the cap, it does not apply.
    """
    total = sum(weights)
    shares = [weight / total for weight in weights]
    if sum(1 for share in shares if share > 0) * max_share <= 1:
        return shares
    while any(share > max_share * (1 + 1e-9) for share in shares):
        at_cap = sum(1 for share in shares if share >= max_share)
        rest = sum(share for share in shares if share < max_share)
        scale = (1 - at_cap * max_share) / rest
        shares = [max_share if share >= max_share else share * scale for share in shares]
    return shares


class TitleSampler:
    """Draws titles by their shares, one list of shares for each day."""

    def __init__(self, rows: Sequence[Sequence[float]]) -> None:
        self._cumulative = [list(accumulate(row)) for row in rows]

    def pick(self, day: int, random: Random) -> int:
        """The rank of a title; days past the last one are like the last."""
        row = self._cumulative[min(day, len(self._cumulative) - 1)]
        return min(bisect_right(row, random.random() * row[-1]), len(row) - 1)
