"""Weigh titles by their popularity among all titles, whatever its unit. Pure."""

from __future__ import annotations

import math
from bisect import bisect_left, insort
from collections import Counter
from collections.abc import Sequence

from services.search.index.entry import TitleRow

MAX_INSERTED = 100
"""Changes that are made one by one; for more of them the whole list is sorted again."""
RECENT_SHARE = 0.03
"""How much of a weight is the title's year, by which it is recent."""


def weigh_title(row: TitleRow, popularities: Sequence[float]) -> float:
    """The weight of a title, 0 to 1; `popularities` of all titles, sorted.

    It falls with the logarithm of the title's place by popularity, as viewing does (Zipf): 1 for the most popular
    title, 0 for the least popular ones, the same for all where all are equally popular.
    """
    count = len(popularities)
    not_less = count - bisect_left(popularities, row.popularity)
    popular = 1 - math.log(max(1, not_less)) / math.log(count) if count > 1 else 0.0
    recent = min(1.0, max(0, row.year - 1900) / 200)
    return (1 - RECENT_SHARE) * max(0.0, popular) + RECENT_SHARE * recent


def merge_changes(popularities: Sequence[float], added: Sequence[float], dropped: Sequence[float]) -> list[float]:
    """A sorted list with some values more and some less; each of `dropped` is in it or in `added`."""
    if len(added) + len(dropped) <= MAX_INSERTED:
        made = list(popularities)
        for value in added:
            insort(made, value)
        for value in dropped:
            del made[bisect_left(made, value)]
        return made
    gone = Counter(dropped)
    made = []
    for value in sorted([*popularities, *added]):
        if gone.get(value):
            gone[value] -= 1
        else:
            made.append(value)
    return made
