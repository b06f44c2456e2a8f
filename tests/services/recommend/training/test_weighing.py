"""The weights of the blend."""

import numpy as np
import pytest

from services.recommend.training.holdout import hold_out
from services.recommend.training.tuning import make_exam, mean_worth
from services.recommend.training.weighing import average_best, try_weights


def _exam(found, viewers=60):
    held = hold_out(found, viewers, seed=1)
    return make_exam(found, held, viewers)


def test_two_models_that_each_know_a_half_are_both_used(camps):
    exam = _exam(camps)
    draw = np.random.default_rng(1)
    truth = exam.wanted.astype(np.float32)
    half = draw.random(truth.shape) < 0.5
    noise = draw.normal(0, 0.3, (2, *truth.shape)).astype(np.float32)
    stacked = np.stack([truth * half, truth * ~half, np.zeros_like(truth)]) + np.stack([*noise, 0 * noise[0]])
    weights = average_best(*try_weights(stacked, exam, np.array([1, 0, 0], np.float32)), seed=1)
    assert weights.min() >= 0
    assert weights[:2].min() > 0.3
    assert weights.sum() == pytest.approx(2, abs=1e-3)


def test_a_useless_model_is_left_out(camps):
    exam = _exam(camps)
    noise = np.random.default_rng(2).normal(0, 1, exam.wanted.shape).astype(np.float32)
    stacked = np.stack([exam.wanted.astype(np.float32) + 0.01 * noise, 5 * noise])
    weights = average_best(*try_weights(stacked, exam, np.array([1, 1], np.float32)), seed=1)
    assert weights[0] > 1.8


def test_a_model_as_good_as_another_is_not_dropped_by_chance():
    # By the mean of all viewers the second does best, by a hair: draws of viewers say that this is chance.
    tried = np.array([[1.0, 1.0], [0.0, 1.0]], np.float32)
    worth = np.random.default_rng(3).random(200)
    worths = []
    for shift in (0.0, 0.002):
        found = np.zeros((2, 2, 200))
        found[0] = np.roll(worth, 7 * (shift > 0)) + shift, np.ones(200)
        worths.append(found)
    assert 0.1 < average_best(tried, worths, seed=1)[0] < 0.95


def test_what_comes_next_counts_twice():
    found = np.zeros((2, 2, 2))
    found[0] = (0.2, 0.4), (1, 1)
    found[1] = (0.8, 0.0), (1, 0)
    assert mean_worth(found, np.ones((1, 2)))[0] == pytest.approx((0.3**2 * 0.8) ** (1 / 3))
    found[1] = 0
    assert mean_worth(found, np.ones((1, 2)))[0] == pytest.approx(0.3)
