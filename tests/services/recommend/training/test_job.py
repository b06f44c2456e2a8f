"""A new model is judged against the served one before it takes its place."""

import numpy as np
import pytest

from services.recommend.models.blend import blend_scores, make_history, make_pool
from services.recommend.training import job as module
from services.recommend.training.artefact import Artefact, Manifest
from services.recommend.training.job import align_model, judge_against
from services.recommend.training.trainer import NumpyTrainer, Trained, TrainingLimits
from tests.services.recommend.conftest import tastes

LIMITS = TrainingLimits(factors=8, judged_viewers=100)


@pytest.fixture(scope="module")
def trained(paths):
    return NumpyTrainer().train(paths, {}, LIMITS)


def served(trained, until):
    manifest = Manifest("v", 0.0, 1, 1, 1, 1, 0, 0, until, {}, {}, {}, {}, {}, 0.0, {})
    return Artefact(manifest, trained.model, trained.trends)


def test_a_model_that_is_much_worse_on_what_came_since_is_not_published(paths, trained, monkeypatch):
    monkeypatch.setattr(module, "MIN_JUDGED", 20)
    blind = Trained(trained.model, trained.trends, {}, {}, module.replace(trained.draft, weights={"popularity": 1.0}))
    assert "worth" in judge_against(served(trained, 50.0), blind, paths, LIMITS)
    assert judge_against(served(trained, 50.0), trained, paths, LIMITS) == ""


def test_without_enough_that_is_new_a_model_is_published(paths, trained):
    blind = Trained(trained.model, trained.trends, {}, {}, module.replace(trained.draft, weights={"popularity": 1.0}))
    assert judge_against(served(trained, 1e9), blind, paths, LIMITS) == ""


def test_a_model_scores_alike_under_other_numbers(make_interactions, trained):
    other = make_interactions(tastes(40, ordered=True), items=["A", "b99"])
    aligned = align_model(trained.model, other.items)
    names = [item for item in other.items if item in trained.model.number_of]

    def scores(model):
        numbers = np.array([list(model.items).index(name) for name in names], np.int32)
        history = make_history(numbers[:3], np.ones(3, np.float32), np.arange(3.0))
        return blend_scores(model, history, make_pool(model, numbers))

    assert np.allclose(scores(trained.model), scores(aligned), atol=1e-4)
