"""Chooses the parameters of the models and the weights of the blend on what was held back. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from services.recommend.models.blend import (
    History,
    make_history,
)
from services.recommend.models.content import count_features, feature_rarity, weigh_features
from services.recommend.models.ease import EaseParameters, gram_matrix, invert_gram, invert_symmetric, scale_weights
from services.recommend.models.ials import IalsParameters, fit_ials, solve_rows
from services.recommend.models.interactions import Doubles, Floats, Indices, Interactions
from services.recommend.titles import TitleText
from services.recommend.training.holdout import Holdout
from services.recommend.training.ranking_metrics import Judged, judge_scores, judge_viewers

EASE_CHOICES = (
    EaseParameters(50, 0.3, 0.3),
    EaseParameters(100, 0.3, 0.3),
    EaseParameters(200, 0.3, 0.3),
    EaseParameters(400, 0.3, 0.3),
    EaseParameters(200, 0.5, 0.6),
    EaseParameters(400, 0.1, 0.0),
)
EASE_RARITIES = (0.0, 0.25, 0.4, 0.55)
"""Tried with each of EASE_CHOICES."""
MAX_EASE_TUNING = 3_500
"""Titles of the matrix that parameters are tried on."""
IALS_UNOBSERVED = (0.03, 0.1, 0.3)
IALS_RIDGES = (0.01, 0.03, 0.06)
IALS_ITERATIONS = 6
MAX_IALS_TUNING = 200_000
"""Rows that parameters are tried on."""
MAX_POOL = 16_000
LIST_SIZE = 20
NEXT_LIST_SIZE = 10
Worths = NDArray[np.float64]
"""(what comes next, what was watched at any time) x (worth, whether it counts) x viewers."""
CONTENT_RIDGES = (1.0, 3.0, 8.0)
COLD_SHARE = 0.1


def worth(judged: Judged) -> float:
    """What a list is chosen by."""
    return (judged.recall + judged.ndcg) / 2


@dataclass(frozen=True)
class Exam:
    """What is held back, for some viewers: their histories, the titles that they may be shown, and the held ones.

    `items` are the numbers of the titles; `hidden`, `wanted` and `others` are viewers x titles. `others`, which nobody
    wants where times say nothing, were not watched last.
    """

    histories: Sequence[History]
    items: Indices
    hidden: NDArray[np.bool_]
    wanted: NDArray[np.bool_]
    others: NDArray[np.bool_]
    size: int

    def judge(self, scores: Floats) -> Judged:
        """Judge lists of what comes next by scores; what the viewer watched before is not listed."""
        return judge_scores(np.where(self.hidden | self.others, -np.inf, scores), self.wanted, self.size)

    def worths(self, scores: Floats) -> Worths:
        """What lists by scores are worth to each viewer."""
        wanted = judge_viewers(np.where(self.hidden | self.others, -np.inf, scores), self.wanted, self.size)
        found = np.zeros((2, 2, len(scores)))
        found[0] = wanted.worth, wanted.counted
        if self.others.any():
            others = judge_viewers(np.where(self.hidden | self.wanted, -np.inf, scores), self.others, LIST_SIZE)
            found[1] = others.worth, others.counted
        return found

    def worth(self, scores: Floats) -> float:
        """What lists by scores are worth."""
        return float(mean_worth(self.worths(scores), np.ones((1, len(scores))))[0])


def mean_worth(found: Worths, counts: Doubles) -> Doubles:
    """One value for each row of `counts`, which says how often each viewer is counted.

    What comes next counts twice what was watched at any time, as factors: the two have different scales.
    """
    total = found[:, 0] @ counts.T
    means = total / np.maximum(1e-12, found[:, 1] @ counts.T)
    if not found[1, 1].any():
        return np.asarray(means[0])
    return np.asarray(np.cbrt(np.square(means[0]) * means[1]))


def make_exam(found: Interactions, holdout: Holdout, viewers: int) -> Exam:
    """The exam of the first `viewers` held-out viewers over the titles that most viewers watched."""
    counts = np.bincount(found.item[holdout.kept], minlength=len(found.items))
    items = np.sort(np.lexsort((np.arange(len(counts)), -counts))[:MAX_POOL]).astype(np.int32)
    column = np.full(len(found.items), -1, np.int64)
    column[items] = np.arange(len(items))
    chosen = holdout.viewers[:viewers]
    hidden, wanted, others = (np.zeros((len(chosen), len(items)), dtype=bool) for _ in range(3))
    histories = []
    starts = np.searchsorted(found.user, chosen, "left")
    ends = np.searchsorted(found.user, chosen, "right")
    for row, (start, end) in enumerate(zip(starts, ends, strict=True)):
        kept = np.flatnonzero(holdout.kept[start:end]) + start
        held = np.flatnonzero(holdout.held[start:end]) + start
        other = np.flatnonzero(holdout.others[start:end]) + start
        histories.append(make_history(found.item[kept], found.weight[kept], found.at[kept]))
        for mask, rows in ((hidden, kept), (wanted, held), (others, other)):
            columns = column[found.item[rows]]
            mask[row, columns[columns >= 0]] = True
    return Exam(histories, items, hidden, wanted, others, NEXT_LIST_SIZE if holdout.ordered else LIST_SIZE)


def choose_ease(kept: sparse.csr_matrix, titles: Indices, exam: Exam) -> EaseParameters:
    """The best of EASE_CHOICES and EASE_RARITIES on the exam, tried on the most-watched of `titles`."""
    counts = np.bincount(kept.indices, minlength=kept.shape[1])
    tried = np.sort(titles[np.argsort(-counts[titles], kind="stable")[:MAX_EASE_TUNING]])
    among = kept[:, tried].tocsr()
    among = among[np.diff(among.indptr) > 0]
    histories = history_matrix(exam.histories, kept.shape[1])[:, tried]
    columns = np.searchsorted(tried, exam.items)
    columns = np.where(tried[np.minimum(columns, len(tried) - 1)] == exam.items, columns, len(tried))
    best, found = EASE_CHOICES[0], -1.0
    grams: dict[float, Floats] = {}
    for parameters in EASE_CHOICES:
        gram = grams.get(parameters.activity)
        if gram is None:
            gram = grams[parameters.activity] = gram_matrix(among, parameters.activity)
        inverse, diagonal = invert_gram(gram, parameters.ridge, parameters.dropout)
        scores = np.asarray(histories @ inverse, dtype=np.float32)
        for rarity in EASE_RARITIES:
            scaled = scale_weights(scores, diagonal, rarity)
            value = exam.worth(np.pad(scaled, ((0, 0), (0, 1)))[:, columns])
            if value > found:
                best, found = replace(parameters, rarity=rarity), value
    return best


def history_matrix(histories: Sequence[History], size: int) -> sparse.csr_matrix:
    """Viewers x titles, with the weights."""
    ends = np.cumsum([0, *(len(one) for one in histories)])
    items = np.concatenate([one.items for one in histories]) if histories else np.zeros(0, np.int32)
    weights = np.concatenate([one.weights for one in histories]) if histories else np.zeros(0, np.float32)
    return sparse.csr_matrix((weights, items, ends), shape=(len(histories), size))


def choose_ials(kept: sparse.csr_matrix, exam: Exam, size: int, seed: int) -> IalsParameters:
    """The best parameters on the exam, tried with few factors and iterations on a part of the rows."""
    per_viewer = max(1.0, kept.nnz / max(1, kept.shape[0]))
    viewers = max(100, int(MAX_IALS_TUNING / per_viewer))
    part = kept if viewers >= kept.shape[0] else kept[np.random.default_rng(seed).permutation(kept.shape[0])[:viewers]]
    histories = history_matrix(exam.histories, kept.shape[1])
    best, found = IalsParameters(size), -1.0
    for unobserved in IALS_UNOBSERVED:
        for ridge in IALS_RIDGES:
            parameters = IalsParameters(min(size, 48), unobserved, ridge, 5)
            _, items = fit_ials(part, parameters, seed)
            users = solve_rows(histories, items, parameters)
            value = exam.worth(users @ items[exam.items].T)
            if value > found:
                best, found = replace(parameters, size=size, iterations=IALS_ITERATIONS), value
    return best


def choose_content_ridge(
    titles: Sequence[TitleText], factors: Floats, viewers: Floats, exam: Exam, users: Floats, seed: int
) -> tuple[float, Judged]:
    """(the best ridge of the content model, how it ranks a tenth of the titles that it was not fitted to)."""
    known = np.flatnonzero(viewers[exam.items] > 1)
    known = known[np.argsort(-viewers[exam.items][known], kind="stable")[:3_000]]
    mixed = np.random.default_rng(seed).permutation(known)
    cold, warm = np.sort(mixed[: len(mixed) // 10]), np.sort(mixed[len(mixed) // 10 :])
    none = Judged(0.0, 0.0, LIST_SIZE, 0)
    if len(cold) < LIST_SIZE or not len(exam.histories):
        return CONTENT_RIDGES[1], none
    counts = count_features([titles[number] for number in exam.items[np.concatenate([warm, cold])]])
    vectors = weigh_features(counts, feature_rarity({kind: rows[: len(warm)] for kind, rows in counts.items()}))
    kernel = np.asarray((vectors @ vectors[: len(warm)].T).toarray(), dtype=np.float32)
    wanted = (exam.hidden | exam.wanted | exam.others)[:, cold]
    certainty = np.sqrt(viewers[exam.items[warm]] + 5.0)
    best, judged = CONTENT_RIDGES[1], none
    for ridge in CONTENT_RIDGES:
        inner = np.array(kernel[: len(warm)], order="F")
        inner.flat[:: len(warm) + 1] += (ridge * certainty.mean() / certainty).astype(np.float32)
        placed = kernel[len(warm) :] @ (invert_symmetric(inner) @ factors[exam.items[warm]])
        value = judge_scores(users @ placed.T, wanted, LIST_SIZE)
        if value.ndcg > judged.ndcg:
            best, judged = ridge, value
    return best, judged


def as_metrics(judged: Mapping[str, Judged]) -> dict[str, dict[str, float]]:
    """Judgements as numbers by name, for the table of versions."""
    return {
        name: {"recall": round(one.recall, 5), "ndcg": round(one.ndcg, 5), "size": one.size, "viewers": one.viewers}
        for name, one in judged.items()
    }
