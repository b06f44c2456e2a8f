"""Byte hit ratio of repeated requests by cache size, from replays of a trace through the edge's own cache code. Pure.

First requests miss in any cache; the plan counts them apart, as the bytes of the footprint that a region fetches once.
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
    Point(0.01, 0.46),
    Point(0.05, 0.72),
    Point(0.10, 0.82),
    Point(0.30, 0.92),
    Point(1.00, 1.00),
)
"""One server of Akamai's under LRU (Sabnis and Sitaraman, "TRAGEN", IMC 2021): 30, 47 and 53 % of all requests, of
which about 65 % are repeated ones. The last two points are chosen."""


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
