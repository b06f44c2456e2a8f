"""The trainer: fits all models to interactions, chooses their parameters, and blends them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import numpy as np

from services.recommend.models.blend import FittedModel, blend_scores, make_pool
from services.recommend.models.content import ContentModel, fit_content
from services.recommend.models.ease import EaseParameters, ease_weights, most_watched
from services.recommend.models.ials import IalsParameters, fit_ials, solve_rows
from services.recommend.models.interactions import Floats, Indices, Interactions
from services.recommend.models.successors import weigh_pairs
from services.recommend.models.top_weights import DenseWeights, TitleWeights, no_weights, strongest_of_dense
from services.recommend.models.trend import Trend, fit_trends
from services.recommend.titles import TitleText
from services.recommend.training import tuning
from services.recommend.training.holdout import Holdout, hold_out
from services.recommend.training.ranking_metrics import Judged
from services.recommend.training.tuning import Exam, as_metrics, make_exam
from services.recommend.training.viewing_counts import LocalCounts, ViewingCounts, most_viewed
from services.recommend.training.weighing import choose_weights

MAX_DENSE_TITLES = 4_096
"""Titles of which EASE keeps all weights; of more, the EASE_WIDTH strongest of each title."""
EASE_WIDTH = 400
MAX_SUCCESSOR_TITLES = 20_000
MAX_JUDGED_CELLS = 6_000_000
"""Viewers times titles of an exam: its matrices are dense."""
MIN_FITTED = 20
"""Interactions below which only trends are made."""
CERTAIN_VIEWERS = 3.0
"""A title with this many viewers has factors half from them, half from its content."""


@dataclass(frozen=True, slots=True)
class TrainingLimits:
    """What a training may use: titles in EASE (a dense matrix among them), factors of iALS, viewers judged."""

    ease_titles: int = 6_000
    factors: int = 128
    judged_viewers: int = 1_500
    trend_half_life: float = 3 * 86_400.0
    seed: int = 1


@dataclass(frozen=True)
class Trained:
    """A model with its trends by country ("" = everywhere), and how it was judged."""

    model: FittedModel
    trends: Mapping[str, Trend]
    metrics: Mapping[str, Any] = field(default_factory=dict)
    parameters: Mapping[str, Any] = field(default_factory=dict)
    draft: FittedModel | None = None
    """The model as it was judged: fitted without what was held back."""
    sample: Interactions | None = None
    """What the parameters were chosen on, where the trainer did not use the interactions that it was given."""


class Trainer(Protocol):
    """What makes a model: in this process, or on a cluster."""

    def train(self, found: Interactions, titles: Mapping[str, TitleText], limits: TrainingLimits) -> Trained:
        """Train on interactions, whose items include all `titles`."""


class NumpyTrainer:
    """Trains in this process. `report` is told each step as it begins.

    `counts` are those that the final model is fitted to; None = those of the interactions themselves, of which a
    cluster gives only a part here.
    """

    def __init__(self, report: Callable[[str], object] = lambda _: None, counts: ViewingCounts | None = None) -> None:
        self._report = report
        self._counts = counts

    def train(self, found: Interactions, titles: Mapping[str, TitleText], limits: TrainingLimits) -> Trained:
        """Train on interactions, whose items include all `titles`."""
        self._report("trends")
        trends = fit_trends(found, limits.trend_half_life)
        texts = [titles.get(item, TitleText()) for item in found.items]
        if len(found) < MIN_FITTED:
            return Trained(empty_model(found, limits), trends)
        self._report("holding back")
        holdout = hold_out(found, limits.judged_viewers, limits.seed)
        columns = min(len(found.items), tuning.MAX_POOL)
        exam = make_exam(found, holdout, max(50, MAX_JUDGED_CELLS // max(1, columns)))
        ease, ials, judged, draft, ridge = self._tune(found, holdout, exam, texts, limits)
        self._report("fitting")
        counts = self._counts or LocalCounts(found)
        final = self._fit(found, counts, ease, replace(ials, iterations=3), limits, draft.factors, judged[0])
        final, content = place_cold_titles(final, texts, ridge)
        parameters = {"ordered": holdout.ordered, "ease": ease, "ials": ials, "contentRidge": ridge, "blend": judged[0]}
        return Trained(replace(final, content=content), trends, as_metrics(judged[1]), parameters, draft)

    def _tune(
        self, found: Interactions, holdout: Holdout, exam: Exam, texts: Sequence[TitleText], limits: TrainingLimits
    ) -> tuple[EaseParameters, IalsParameters, tuple[dict[str, float], dict[str, Judged]], FittedModel, float]:
        kept = found.rows(holdout.kept)
        matrix = kept.matrix()
        self._report("choosing the parameters of EASE")
        ease = tuning.choose_ease(matrix, most_watched(matrix, limits.ease_titles), exam)
        self._report("choosing the parameters of iALS")
        ials = tuning.choose_ials(matrix, exam, limits.factors, limits.seed)
        self._report("fitting without what was held back")
        draft = self._fit(kept, LocalCounts(kept), ease, ials, limits)
        self._report("choosing the weights")
        weights, alone = choose_weights(draft, exam, ordered=holdout.ordered, seed=limits.seed)
        users = solve_rows(tuning.history_matrix(exam.histories, len(found.items)), draft.factors, ials)
        ridge, alone["cold"] = tuning.choose_content_ridge(
            texts, draft.factors, draft.viewers, exam, users, limits.seed
        )
        return ease, ials, (weights, alone), replace(draft, weights=weights), ridge

    def _fit(
        self,
        found: Interactions,
        counts: ViewingCounts,
        ease: EaseParameters,
        ials: IalsParameters,
        limits: TrainingLimits,
        start: Floats | None = None,
        weights: Mapping[str, float] | None = None,
    ) -> FittedModel:
        matrix = found.matrix()
        viewers = counts.viewers()
        watched = np.flatnonzero(np.bincount(found.item, minlength=len(found.items)))
        _, factors = fit_ials(matrix[:, watched].tocsr(), ials, limits.seed, None if start is None else start[watched])
        spread = np.zeros((len(found.items), ials.size), np.float32)
        spread[watched] = factors
        followed = most_viewed(viewers, MAX_SUCCESSOR_TITLES)
        return FittedModel(
            found.items,
            viewers,
            fit_ease(counts, most_viewed(viewers, limits.ease_titles), ease),
            weigh_pairs(followed, counts.pairs(followed), viewers) if len(followed) else no_weights(),
            spread,
            ials,
            dict.fromkeys(("ease", "ials"), 1.0) if weights is None else dict(weights),
        )


def fit_ease(counts: ViewingCounts, titles: Indices, parameters: EaseParameters) -> TitleWeights:
    """EASE among these titles."""
    if not len(titles):
        return no_weights()
    gram = counts.gram(titles, parameters.activity)
    weights = ease_weights(gram, parameters.ridge, parameters.dropout, parameters.rarity)
    return (
        DenseWeights(titles, weights)
        if len(titles) <= MAX_DENSE_TITLES
        else strongest_of_dense(titles, weights, EASE_WIDTH)
    )


def place_cold_titles(
    model: FittedModel, texts: Sequence[TitleText], ridge: float
) -> tuple[FittedModel, ContentModel | None]:
    """Give titles with few viewers or none the factors of their content, the more the fewer they have."""
    if not any(text.genres or text.people or text.text or text.year for text in texts):
        return model, None
    watched = model.viewers > 0
    known = [text for text, is_watched in zip(texts, watched, strict=True) if is_watched]
    content = fit_content(known, model.factors[watched], model.viewers[watched], ridge)
    factors = model.factors.copy()
    rare = np.flatnonzero(model.viewers < 10 * CERTAIN_VIEWERS)
    for start in range(0, len(rare), 5_000):
        part = rare[start : start + 5_000]
        own = (model.viewers[part] / (model.viewers[part] + CERTAIN_VIEWERS))[:, None]
        factors[part] = own * factors[part] + (1 - own) * content.factors([texts[row] for row in part])
    return replace(model, factors=factors), content


def empty_model(found: Interactions, limits: TrainingLimits) -> FittedModel:
    """A model that says nothing of any title."""
    size = len(found.items)
    viewers = np.bincount(found.item, minlength=size).astype(np.float32)
    nothing = np.zeros((size, limits.factors), np.float32)
    return FittedModel(found.items, viewers, no_weights(), no_weights(), nothing, IalsParameters(limits.factors), {})


def judge_model(model: FittedModel, exam: Exam) -> Judged:
    """How a model's lists do on an exam made for the same items."""
    pool = make_pool(model, exam.items)
    return exam.judge(np.stack([blend_scores(model, history, pool) for history in exam.histories]))
