"""Recall and NDCG of ranked lists against what viewers did watch. Pure."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from services.recommend.models.interactions import Floats


@dataclass(frozen=True)
class Judged:
    """The means over viewers of a list of `size` titles; `viewers` had something to find."""

    recall: float
    ndcg: float
    size: int
    viewers: int


def judge_scores(scores: Floats, relevant: NDArray[np.bool_], size: int) -> Judged:
    """Judge the best `size` of each row of scores; titles that must not be listed have -inf."""
    size = min(size, scores.shape[1])
    wanted = relevant.sum(axis=1)
    rows = wanted > 0
    if not rows.any() or not size:
        return Judged(0.0, 0.0, size, 0)
    scores, relevant, wanted = scores[rows], relevant[rows], wanted[rows]
    top = np.argpartition(-scores, size - 1, axis=1)[:, :size]
    order = np.argsort(-np.take_along_axis(scores, top, axis=1), axis=1, kind="stable")
    hits = np.take_along_axis(relevant, np.take_along_axis(top, order, axis=1), axis=1)
    discount = 1.0 / np.log2(np.arange(size) + 2.0)
    ideal = np.cumsum(discount)[np.minimum(wanted, size) - 1]
    recall = (hits.sum(axis=1) / wanted).mean()
    return Judged(float(recall), float(((hits * discount).sum(axis=1) / ideal).mean()), size, int(rows.sum()))
