"""The blend of models, as training and serving compute it."""

import numpy as np
import pytest

from services.recommend.models.blend import (
    COMPONENTS,
    MAX_HISTORY,
    blend_scores,
    component_scores,
    make_history,
    make_pool,
    normalise_rows,
)
from services.recommend.training.trainer import NumpyTrainer, TrainingLimits


@pytest.fixture(scope="module")
def model(camps):
    return NumpyTrainer().train(camps, {}, TrainingLimits(factors=8, judged_viewers=40)).model


def history(model, names):
    items = np.array([model.number_of[name] for name in names], np.int32)
    return make_history(items, np.ones(len(items), np.float32), np.ones(len(items)))


def test_rows_have_mean_0_and_spread_1_and_flat_ones_are_0():
    found = normalise_rows(np.array([[1.0, 2.0, 3.0], [4.0, 4.0, 4.0]], np.float32))
    assert np.allclose(found.mean(axis=1), 0)
    assert found[0].std() == pytest.approx(1.0)
    assert found[1].tolist() == [0, 0, 0]


def test_a_viewer_of_a_camp_gets_its_titles(model):
    pool = make_pool(model, np.arange(60, dtype=np.int32))
    scores = blend_scores(model, history(model, ["a01", "a05", "a09"]), pool)
    assert scores[:30].mean() > scores[30:].mean()
    assert set(np.argsort(-scores)[:10]) <= set(range(30))


def test_a_pool_of_some_titles_orders_them_as_all_do(model):
    chosen = np.array([40, 3, 12, 55, 7], np.int32)
    mine = history(model, ["a01", "a05", "b09"])
    everything = component_scores(model, mine, make_pool(model, np.arange(60, dtype=np.int32)))
    some = component_scores(model, mine, make_pool(model, chosen))
    for row, name in enumerate(COMPONENTS):
        if some[row].any():
            assert np.argsort(some[row]).tolist() == np.argsort(everything[row][chosen]).tolist(), name


def test_a_title_that_the_model_does_not_know_has_the_factors_it_is_given(model):
    items = np.array([0, -1], np.int32)
    pool = make_pool(model, items, np.stack([model.factors[0], model.factors[1]]))
    assert pool.popularity[1] == 0
    assert pool.ease[1] == len(model.ease.titles)
    assert np.isfinite(blend_scores(model, history(model, ["a05"]), pool)).all()


def test_only_the_latest_titles_count_and_the_order_of_equal_times_does_not():
    items = np.arange(MAX_HISTORY + 5, dtype=np.int32)
    found = make_history(items, np.ones(len(items), np.float32), items.astype(float))
    assert len(found) == MAX_HISTORY
    assert found.items.min() == 5
    assert found.age[found.items == MAX_HISTORY + 4] == 0
    swapped = make_history(items[:4][::-1].copy(), np.ones(4, np.float32), np.full(4, 7.0))
    assert swapped.items.tolist() == [0, 1, 2, 3]
    assert set(swapped.age) == {1.5}


def test_a_checkpoint_may_end_it(model):
    def stop():
        raise TimeoutError

    with pytest.raises(TimeoutError):
        blend_scores(model, history(model, ["a01"]), make_pool(model, np.arange(60, dtype=np.int32)), stop)
