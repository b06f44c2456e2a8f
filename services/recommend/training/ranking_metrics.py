"""Recall and NDCG of ranked lists against what viewers did watch. Pure."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from services.recommend.models.interactions import Doubles, Floats


@dataclass(frozen=True)
class Judged:
    """The means over viewers of a list of `size` titles; `viewers` had something to find."""

    recall: float
    ndcg: float
    size: int
    viewers: int


@dataclass(frozen=True)
class ViewerScores:
    """Recall and NDCG of each viewer's list; `counted` are those who had something to find, the others have 0."""

    recall: Doubles
    ndcg: Doubles
    counted: NDArray[np.bool_]

    @property
    def worth(self) -> Doubles:
        """What a list is chosen by."""
        return (self.recall + self.ndcg) / 2


def judge_viewers(scores: Floats, relevant: NDArray[np.bool_], size: int) -> ViewerScores:
    """Judge the best `size` of each row of scores; titles that must not be listed have -inf."""
    size = min(size, scores.shape[1])
    wanted = relevant.sum(axis=1)
    rows = wanted > 0
    found = ViewerScores(np.zeros(len(scores)), np.zeros(len(scores)), rows)
    if not rows.any() or not size:
        return found
    scores, relevant, wanted = scores[rows], relevant[rows], wanted[rows]
    top = np.argpartition(-scores, size - 1, axis=1)[:, :size]
    order = np.argsort(-np.take_along_axis(scores, top, axis=1), axis=1, kind="stable")
    hits = np.take_along_axis(relevant, np.take_along_axis(top, order, axis=1), axis=1)
    discount = 1.0 / np.log2(np.arange(size) + 2.0)
    found.recall[rows] = hits.sum(axis=1) / wanted
    found.ndcg[rows] = (hits * discount).sum(axis=1) / np.cumsum(discount)[np.minimum(wanted, size) - 1]
    return found


def judge_scores(scores: Floats, relevant: NDArray[np.bool_], size: int) -> Judged:
    """The means of `judge_viewers`."""
    found = judge_viewers(scores, relevant, size)
    count = int(found.counted.sum())
    if not count:
        return Judged(0.0, 0.0, min(size, scores.shape[1]), 0)
    return Judged(float(found.recall.sum() / count), float(found.ndcg.sum() / count), min(size, scores.shape[1]), count)
