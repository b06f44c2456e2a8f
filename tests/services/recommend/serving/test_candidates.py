"""Candidate sets: bounded, licensed, and up to date soon."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.recommend.models.content import fit_content
from services.recommend.serving import candidates as module
from services.recommend.serving.candidates import REBUILD_SECONDS, CandidateSets
from services.recommend.serving.lists import ListMaker
from services.recommend.serving.live_trends import LiveTrends
from services.recommend.serving.title_table import TitleTable
from services.recommend.serving.viewer_states import ViewerState, make_state
from services.recommend.titles import Audience, RecommendTitle, TitleText
from services.recommend.training.trainer import NumpyTrainer, TrainingLimits

GERMANY = Audience("DE")


@pytest.fixture(scope="module")
def model(camps):
    return NumpyTrainer().train(camps, {}, TrainingLimits(factors=8, judged_viewers=60)).model


def world(model, titles):
    table, trends = TitleTable(), LiveTrends(86_400.0)
    for title in titles:
        table.upsert(title)
    sets = CandidateSets(table, trends)
    sets.use_model(model)
    return table, trends, sets


def test_a_set_is_bounded_and_keeps_room_for_new_titles(model, monkeypatch):
    monkeypatch.setattr(module, "MAX_POOL", 40)
    titles = [RecommendTitle(item, None, 0.0, True) for item in model.items]
    titles += [RecommendTitle(f"new{n}", None, 0.0, True) for n in range(100)]
    table, _, sets = world(model, titles)
    found = sets.find(GERMANY, 0.0)
    assert len(found.positions) == 40
    new = [table.titles[at].content_id for at in found.positions if table.titles[at].content_id.startswith("new")]
    assert set(new) == {f"new{n}" for n in range(92, 100)}
    assert len(found.order) == 160


def test_changes_reach_a_set_when_it_is_refreshed(model):
    table, trends, sets = world(model, [RecommendTitle("a01", None, 0.0, True), RecommendTitle("a02", None, 0.0, True)])
    assert len(sets.find(GERMANY, 0.0).positions) == 2
    table.upsert(RecommendTitle("a03", None, 0.0, True))
    assert not sets.refresh_one(REBUILD_SECONDS / 2)
    assert sets.refresh_one(REBUILD_SECONDS)
    assert len(sets.find(GERMANY, 0.0).positions) == 3
    trends.count_event("u", 1, "DE", 0.0, 0.0)
    assert sets.refresh_one(100.0)
    assert sets.find(GERMANY, 0.0).order[0] == 1
    assert not sets.refresh_one(100.0)


def test_a_title_that_came_after_the_training_is_placed_by_its_content(model, camps):
    texts = [TitleText((item[0],), None, (), "") for item in model.items]
    content = fit_content(texts, model.factors, model.viewers, 1.0)
    known = replace(model, content=content)
    new = RecommendTitle("fresh", None, 0.0, True, text=TitleText(("a",)))
    _, _, sets = world(known, [*(RecommendTitle(item, None, 0.0, True) for item in model.items), new])
    found = sets.find(GERMANY, 0.0)
    factors = found.pool.factors
    assert factors[60] @ factors[:30].mean(axis=0) > factors[60] @ factors[30:60].mean(axis=0)


LICENCES = st.one_of(st.none(), st.lists(st.sampled_from(["DE", "FR", "US"]), max_size=2).map(tuple))


@settings(max_examples=25, deadline=None)
@given(st.data())
def test_nothing_unlicensed_is_ever_listed(model, data):
    draw = np.random.default_rng(data.draw(st.integers(0, 1000)))
    licences = data.draw(st.lists(LICENCES, min_size=60, max_size=60))
    table, _, sets = world(
        model,
        [RecommendTitle(item, one, 0.0, True) for item, one in zip(model.items, licences, strict=True)],
    )
    audience = Audience(data.draw(st.sampled_from([None, "DE", "FR"])))
    sets.find(audience, 0.0)
    for at in draw.permutation(60)[:10]:  # licences change after the set was made
        table.upsert(RecommendTitle(model.items[at], ("US",), 0.0, True))
    seen = [(model.items[at], 0, 1, 0, -1.0, float(at)) for at in draw.permutation(60)[:5]]
    for state in (make_state(seen, 0.0), ViewerState()):
        maker = ListMaker(table, sets.find(audience, 0.0), audience, state)
        scores = maker.personal_scores(model)
        found = maker.fill([] if scores is None else maker.personal(scores, 30), 30)
        assert all(table.may_show(at, audience) for at, _ in found)
        assert len({at for at, _ in found}) == len(found) == min(30, int(table.shown_mask(audience).sum()))
        assert [score for _, score in found] == sorted((score for _, score in found), reverse=True)
