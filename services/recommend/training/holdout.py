"""Holds back a part of what viewers watched, to judge models by. Pure.

Where times say in which order viewers watched, it is each viewer's latest title, because the list is for what comes
next, and besides it a tenth of the others at random: a list that lives by what was watched just now alone is a poor
one. Where times do not say it, it is a tenth of the titles at random.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from services.recommend.models.interactions import Indices, Interactions, Mask, ages, is_ordered

MIN_TITLES = 5
"""Viewers of fewer titles are not judged by."""
SHARE = 0.1


@dataclass(frozen=True)
class Holdout:
    """`kept`, `held` and `others` are disjoint masks of all rows; `viewers` are the numbers of those with a held row.

    `others` were watched at any time, and are empty where `held` were too.
    """

    ordered: bool
    kept: Mask
    held: Mask
    others: Mask
    viewers: Indices


def hold_out(found: Interactions, viewers: int, seed: int) -> Holdout:
    """Hold back rows of at most `viewers` viewers, chosen at random by the seed."""
    random = np.random.default_rng(seed)
    ordered = is_ordered(found)
    counts = np.bincount(found.user, minlength=len(found.users))
    able = np.flatnonzero(counts >= MIN_TITLES)
    chosen = np.sort(random.permutation(able)[:viewers]).astype(np.int32)
    is_chosen = np.zeros(len(found.users), dtype=bool)
    is_chosen[chosen] = True
    of_chosen = is_chosen[found.user]
    draw = random.random(len(found))
    if ordered:
        # Of several latest titles, one at random: the times do not say which came last.
        order = np.lexsort((draw, ages(found.user, found.at), found.user))
        first = np.ones(len(found), dtype=bool)
        first[1:] = found.user[order][1:] != found.user[order][:-1]
        held = np.zeros(len(found), dtype=bool)
        held[order[first]] = True
        held &= of_chosen
        others = of_chosen & ~held & (random.random(len(found)) < SHARE)
    else:
        held, others = of_chosen & (draw < SHARE), np.zeros(len(found), dtype=bool)
    return Holdout(ordered, ~(held | others), held, others, chosen)
