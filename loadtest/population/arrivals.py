"""When sessions begin: an even stream, the hours of a day, and flash crowds on top.

Source of the day's curve: one evening peak and a trough before dawn, the peak several times the trough, as Yu et al.,
"Understanding user behavior in large-scale video-on-demand systems", EuroSys 2006, describe it. Given their number,
the arrivals of a Poisson process are independent draws from its normalised rate (Ross, *Stochastic Processes*, §2.3),
so a run has exactly the players that it was asked for.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Callable
from dataclasses import dataclass
from itertools import accumulate
from random import Random
from typing import NamedTuple

PEAK_HOUR = 21.0
_TROUGH = 0.25
_SHARPNESS = 1.6
_STEPS = 1440
"""The rate is constant within each of so many equal parts of the window."""


@dataclass(frozen=True, slots=True)
class FlashCrowd:
    """Many viewers at once. Times are shares (0-1) of the run."""

    at: float
    share: float
    """Share of all players that belong to the crowd."""
    lasts: float = 0.05
    """They arrive within this time; most of them early: the rate falls exponentially to 5 % at its end."""
    rank: int | None = 0
    """The title that all of them want, by rank; None: whatever they like."""


@dataclass(frozen=True, slots=True)
class Arrivals:
    """The shape of the arrivals over a run."""

    hours: tuple[float, float] | None = None
    """The hours of the day that the run stands for, such as (18, 24); None: an even stream."""
    within: float = 1.0
    """The stream's arrivals fall into the first part of the run: 0.3 leaves 70 % for watching."""
    crowds: tuple[FlashCrowd, ...] = ()


class Arrival(NamedTuple):
    """One session's begin, in seconds since the run's, and the crowd that it belongs to."""

    at_s: float
    crowd: FlashCrowd | None


def rate_at_hour(hour: float) -> float:
    """Arrivals relative to the peak (1.25) at an hour of the day, 0-24."""
    return _TROUGH + math.exp(_SHARPNESS * (math.cos((hour - PEAK_HOUR) * 2 * math.pi / 24) - 1))


def arrival_times(arrivals: Arrivals, players: int, seconds: float, seed: int) -> list[Arrival]:
    """`players` arrivals in order of time, all within the run."""
    random = Random(f"arrivals/{seed}")
    found: list[Arrival] = []
    for crowd in arrivals.crowds:
        count = min(round(crowd.share * players), players - len(found))
        found += [Arrival(_crowd_time(crowd, random) * seconds, crowd) for _ in range(count)]
    draw = _stream(arrivals)
    found += [Arrival(draw(random.random()) * arrivals.within * seconds, None) for _ in range(players - len(found))]
    return sorted(found, key=lambda arrival: arrival.at_s)


def _crowd_time(crowd: FlashCrowd, random: Random) -> float:
    """A share of the run: an exponential cut off where 5 % of its rate are left."""
    cut = math.log(20)
    passed = -math.log(1 - random.random() * (1 - math.exp(-cut))) / cut
    return min(crowd.at + crowd.lasts * passed, 1.0)


def _stream(arrivals: Arrivals) -> Callable[[float], float]:
    """The inverse of the cumulative rate: a uniform draw → the share of the window that has passed."""
    if arrivals.hours is None:
        return lambda draw: draw
    first, last = arrivals.hours
    step = (last - first) / _STEPS
    cumulative = list(accumulate(rate_at_hour(first + (number + 0.5) * step) for number in range(_STEPS)))

    def inverse(draw: float) -> float:
        wanted = draw * cumulative[-1]
        place = min(bisect_left(cumulative, wanted), _STEPS - 1)
        before = cumulative[place - 1] if place else 0.0
        return (place + (wanted - before) / (cumulative[place] - before)) / _STEPS

    return inverse
