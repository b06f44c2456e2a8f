"""The table: our blend, each of its parts left out or alone, popularity, ItemKNN, and `implicit`'s ALS where it is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import pairwise

import numpy as np
from scipy import sparse

from services.recommend.models.blend import FittedModel, blend_scores, make_history, make_pool
from services.recommend.models.interactions import Floats, Interactions, Mask
from services.recommend.training.ranking_metrics import judge_scores
from services.recommend.training.trainer import NumpyTrainer, TrainingLimits
from services.recommend.vocabulary import COMPONENTS
from tools.eval_recommend.ratings import last_rows, random_part, some_viewers, without_times

SHRINKAGE = 10.0
Scores = Mapping[str, Floats]


def compare(found: Interactions) -> Iterator[str]:
    """The lines of all tables."""
    static = without_times(found)
    yield from _table("80/20 at random, no times", static, ~random_part(static, 0.2, 1), 20)
    yield from _table("75/25 at random, no times", static, ~random_part(static, 0.25, 2), 10)
    yield from _table("leave-last-out by time", found, ~last_rows(found), 10)
    yield from _folded_in(static)


def _table(name: str, found: Interactions, kept: Mask, size: int) -> Iterator[str]:
    train = found.rows(kept)
    hidden, wanted = train.matrix().toarray() > 0, found.rows(~kept).matrix().toarray() > 0
    yield f"\n{name}: {'recall':>29}@{size} {'ndcg':>7}@{size}"
    for model, scores in _all_scores(train).items():
        judged = judge_scores(np.where(hidden, -np.inf, scores).astype(np.float32), wanted, size)
        yield f"  {model:<40} {judged.recall:>10.4f} {judged.ndcg:>10.4f}"


def _all_scores(train: Interactions) -> Scores:
    matrix = train.matrix()
    trained = NumpyTrainer().train(train, {}, TrainingLimits()).model
    weights = trained.weights
    scores = {"blend (ours)": model_scores(trained, train)}
    for part in COMPONENTS:
        if weights.get(part):
            scores[f"  without {part}"] = model_scores(replace(trained, weights={**weights, part: 0.0}), train)
            scores[f"  {part} alone"] = model_scores(replace(trained, weights={part: 1.0}), train)
    scores["ItemKNN (cosine, shrunk)"] = item_knn(matrix)
    scores["popularity"] = np.tile(np.asarray(matrix.sum(axis=0)), (matrix.shape[0], 1)).astype(np.float32)
    other = implicit_als(matrix)
    if other is not None:
        scores["implicit ALS"] = other
    return scores


def model_scores(model: FittedModel, found: Interactions) -> Floats:
    """The blend's score of each title for each viewer, by what they watched."""
    pool = make_pool(model, np.arange(len(model.items), dtype=np.int32))
    scores = np.zeros((len(found.users), len(pool)), np.float32)
    starts = np.searchsorted(found.user, np.arange(len(found.users) + 1))
    if not any(model.weights.values()):
        return scores
    for viewer, (start, end) in enumerate(pairwise(starts.tolist())):
        if start < end:
            rows = slice(start, end)
            scores[viewer] = blend_scores(
                model, make_history(found.item[rows], found.weight[rows], found.at[rows]), pool
            )
    return scores


def item_knn(matrix: sparse.csr_matrix, neighbours: int = 100) -> Floats:
    """Cosine between titles, shrunk for few common viewers, the nearest of each."""
    together = (matrix.T @ matrix).toarray()
    length = np.sqrt(np.diag(together))
    cosine = together / np.maximum(np.outer(length, length), 1e-9) * (together / (together + SHRINKAGE))
    np.fill_diagonal(cosine, 0)
    border = -np.partition(-cosine, min(neighbours, len(cosine) - 1), axis=1)[:, [min(neighbours, len(cosine) - 1)]]
    return np.asarray(matrix @ np.where(cosine >= border, cosine, 0), dtype=np.float32)


def implicit_als(matrix: sparse.csr_matrix) -> Floats | None:
    """The ALS of the package `implicit`; None where it is not installed."""
    try:
        from implicit.als import AlternatingLeastSquares
    except ModuleNotFoundError:
        return None
    model = AlternatingLeastSquares(factors=64, regularization=0.05, alpha=2.0, iterations=15, random_state=1)
    model.fit(matrix, show_progress=False)
    return np.asarray(model.user_factors @ model.item_factors.T, dtype=np.float32)


def _folded_in(found: Interactions) -> Iterator[str]:
    """Viewers whom the model has never seen: 80 % of their titles are given, the rest is looked for."""
    new = np.isin(found.user, some_viewers(found, 0.1, 3))
    model = NumpyTrainer().train(found.rows(~new), {}, TrainingLimits()).model
    hidden_part = random_part(found, 0.2, 4) & new
    given = found.rows(new & ~hidden_part)
    scores = model_scores(model, given)
    hidden, wanted = given.matrix().toarray() > 0, found.rows(hidden_part).matrix().toarray() > 0
    scores = np.where(hidden, -np.inf, scores).astype(np.float32)
    narrow, wide = judge_scores(scores, wanted, 20), judge_scores(scores, wanted, 100)
    yield f"\nviewers unseen in training, folded in: recall@20 {narrow.recall:.4f}  ndcg@100 {wide.ndcg:.4f}"
