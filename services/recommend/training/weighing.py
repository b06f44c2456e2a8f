"""Chooses the weights of the blend by lists for viewers of whom a part was held back. Pure.

Many weights do equally well on some hundred viewers, and which does best among them is chance. So the weights are the
mean of those that do best for many random draws of the viewers (bagging; Breiman, 1996).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from services.recommend.models.blend import FittedModel, component_scores, make_pool
from services.recommend.models.interactions import Floats
from services.recommend.training.ranking_metrics import Judged
from services.recommend.training.tuning import Exam, Worths, mean_worth
from services.recommend.vocabulary import COMPONENTS, STATIC_COMPONENTS

STEPS = (0.0, 0.1, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0)
ROUNDS = 3
DRAWS = 200
LEAST_SHARE = 0.02
"""A model with less of the total weight is left out: it costs time and changes nothing."""


def choose_weights(
    model: FittedModel, exam: Exam, *, ordered: bool, seed: int
) -> tuple[dict[str, float], dict[str, Judged]]:
    """(the weights of the blend, how each model does alone, and all together as "blend").

    Where the times say nothing (not `ordered`), the models that live by them take no part.
    """
    names = COMPONENTS if ordered else STATIC_COMPONENTS
    pool = make_pool(model, exam.items)
    stacked = np.stack([component_scores(model, history, pool, names) for history in exam.histories], axis=1)
    judged = {name: exam.judge(stacked[row]) for row, name in enumerate(names)}
    start = np.array([float(name in START) for name in names], np.float32)
    weights = average_best(*try_weights(stacked, exam, start), seed)
    judged["blend"] = exam.judge(np.tensordot(weights, stacked, 1))
    return {name: float(weights[row]) for row, name in enumerate(names)}, judged


START = ("ease", "ials")
"""Models of the whole history, which the search starts from in equal parts."""


def try_weights(stacked: NDArray[np.float32], exam: Exam, start: Floats) -> tuple[Floats, list[Worths]]:
    """(weights x models, what lists by them are worth): those on the way from `start` to the best, one by one."""
    tried: dict[bytes, tuple[Floats, Worths]] = {}
    everybody = np.ones((1, stacked.shape[1]))

    def worth_of(weights: Floats) -> float:
        key = weights.tobytes()
        if key not in tried:
            tried[key] = (weights, exam.worths(np.tensordot(weights, stacked, 1)))
        return float(mean_worth(tried[key][1], everybody)[0])

    weights, best = start, worth_of(start)
    for _ in range(ROUNDS):
        before = weights
        for row in range(len(start)):
            for step in STEPS:
                other = weights.copy()
                other[row] = step
                if other.any() and (value := worth_of(other)) > best:
                    best, weights = value, other
        if weights is before:
            break
    return np.stack([one for one, _ in tried.values()]), [found for _, found in tried.values()]


def average_best(tried: Floats, worths: list[Worths], seed: int) -> Floats:
    """The mean of the weights that do best for random draws of the viewers, which sum up to 2."""
    viewers = worths[0].shape[2]
    draws = np.random.default_rng(seed).multinomial(viewers, np.full(viewers, 1 / viewers), DRAWS).astype(np.float64)
    best = np.argmax([mean_worth(found, draws) for found in worths], axis=0)
    shares = (tried / tried.sum(axis=1, keepdims=True))[best].mean(axis=0)
    shares[shares < LEAST_SHARE] = 0.0
    weights: Floats = np.round(2 * shares / shares.sum(), 4).astype(np.float32)
    return weights
