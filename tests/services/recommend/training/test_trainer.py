"""Training as a whole."""

import numpy as np

from services.recommend.models.top_weights import TopWeights
from services.recommend.titles import TitleText
from services.recommend.training import trainer as module
from services.recommend.training.trainer import NumpyTrainer, TrainingLimits, fit_ease, place_cold_titles
from services.recommend.training.viewing_counts import LocalCounts, most_viewed
from tests.services.recommend.conftest import tastes

LIMITS = TrainingLimits(factors=8, judged_viewers=60)


def test_the_same_seed_makes_the_same_model(camps):
    one, other = (NumpyTrainer().train(camps, {}, LIMITS) for _ in range(2))
    assert np.array_equal(one.model.factors, other.model.factors)
    assert one.metrics == other.metrics
    assert one.model.weights == other.model.weights


def test_the_blend_is_no_worse_than_its_parts_and_better_than_popularity(camps):
    metrics = NumpyTrainer().train(camps, {}, LIMITS).metrics
    assert metrics["blend"]["ndcg"] >= 0.95 * max(metrics["ease"]["ndcg"], metrics["ials"]["ndcg"])
    assert metrics["blend"]["ndcg"] > 1.3 * metrics["popularity"]["ndcg"]


def test_a_title_that_nobody_watched_is_placed_by_its_content(make_interactions):
    found = make_interactions(tastes(), items=["new"])
    texts = {item: TitleText((item[0],), None, (), item[0] * 4) for item in found.items}
    texts["new"] = TitleText(("a",), None, (), "aaaa")
    model = NumpyTrainer().train(found, texts, LIMITS).model
    factors = model.factors
    new = factors[model.number_of["new"]]
    assert new @ factors[:30].mean(axis=0) > new @ factors[30:60].mean(axis=0)


def test_without_any_content_titles_stay_where_their_viewers_put_them(camps):
    model = NumpyTrainer().train(camps, {}, LIMITS).model
    placed, content = place_cold_titles(model, [TitleText()] * 60, 1.0)
    assert content is None
    assert placed is model


def test_large_catalogues_keep_the_strongest_weights_only(camps, monkeypatch):
    monkeypatch.setattr(module, "MAX_DENSE_TITLES", 10)
    counts = LocalCounts(camps)
    found = fit_ease(counts, most_viewed(counts.viewers(), 40), module.EaseParameters())
    assert isinstance(found, TopWeights)
    assert len(found.titles) == 40


def test_few_interactions_make_trends_only(make_interactions):
    found = make_interactions([("u", "a", 1.0), ("v", "a", 2.0)], items=["b"])
    trained = NumpyTrainer().train(found, {}, LIMITS)
    assert trained.model.weights == {}
    assert trained.trends[""].counts.tolist()[1] == 0
    empty = NumpyTrainer().train(make_interactions([], items=["b"]), {}, LIMITS)
    assert len(empty.model.items) == 1
