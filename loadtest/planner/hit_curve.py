"""Byte hit ratio by cache size, from replays of a trace through the edge's own cache code. Pure.

A curve is measured with a small catalogue and used for a large one: the cache is given as a share of the bytes that are
requested at all (the footprint). That holds as far as the shape of the demand does not change with its size.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple


class Point(NamedTuple):
    """A cache of `share` of the footprint has this byte hit ratio."""

    share: float
    byte_hit: float


DEFAULT: Sequence[Point] = (
    Point(0.01, 0.30),
    Point(0.05, 0.47),
    Point(0.10, 0.53),
    Point(0.30, 0.60),
    Point(1.00, 0.65),
)
"""One server of Akamai's under LRU (Sabnis and Sitaraman, "TRAGEN", IMC 2021); the last two points are chosen."""


def byte_hit(curve: Sequence[Point], share: float) -> float:
    """Interpolated between neighbours over the logarithm of the share; beyond the ends, the end's ratio."""
    points = sorted(curve)
    if share <= points[0].share:
        # Below the smallest cache that was measured: in proportion, which is on the safe side of a concave curve.
        return points[0].byte_hit * max(0.0, share) / points[0].share
    for low, high in pairwise(points):
        if share <= high.share:
            along = math.log(share / low.share) / math.log(high.share / low.share)
            return low.byte_hit + along * (high.byte_hit - low.byte_hit)
    return points[-1].byte_hit
