"""Intervals and checks that may be looked at at any time."""

import numpy as np
import pytest

from services.recommend.experiments.statistics import Sample, compare, sample_ratio_p


def sample(values):
    return Sample(len(values), float(np.sum(values)), float(np.square(values).sum()))


def test_an_interval_holds_at_every_look():
    # A t-test looked at fifty times would be wrong in about a third of the runs.
    draw, wrong, naive = np.random.default_rng(1), 0, 0
    for _ in range(300):
        one, other = draw.exponential(1.0, 5_000), draw.exponential(1.0, 5_000)
        found = [compare(sample(one[:size]), sample(other[:size]), 0.05) for size in range(100, 5_001, 100)]
        wrong += any(difference.is_certain for difference in found)
        naive += any(
            abs(one[:size].mean() - other[:size].mean()) > 1.96 * np.sqrt(2 / size) for size in range(100, 5_001, 100)
        )
    assert wrong / 300 <= 0.05
    assert naive / 300 > 0.15


def test_a_true_difference_is_found_and_lies_in_the_interval():
    draw, inside = np.random.default_rng(2), 0
    for _ in range(60):
        one, other = draw.normal(1.0, 1.0, 8_000), draw.normal(1.1, 1.0, 8_000)
        found = compare(sample(one), sample(other), 0.05)
        inside += found.low <= 0.1 <= found.high
        assert found.is_certain
        assert (found.p < 0.05) == found.is_certain
    assert inside >= 57


def test_few_viewers_have_no_interval():
    assert compare(Sample(99, 10, 10), Sample(5_000, 5_000, 5_000), 0.05).low is None
    assert not compare(Sample(0, 0, 0), Sample(0, 0, 0), 0.05).is_certain


def test_arms_of_wrong_size_are_found_and_of_right_size_are_not():
    assert sample_ratio_p([5_000, 5_000], [0.5, 0.5]) == 1.0
    assert sample_ratio_p([9_000, 1_000], [0.9, 0.1]) == 1.0
    assert sample_ratio_p([5_300, 4_700], [0.5, 0.5]) < 0.001
    assert sample_ratio_p([0, 0], [0.5, 0.5]) == 1.0
    draw, alarms = np.random.default_rng(3), 0
    for _ in range(200):
        days = draw.binomial(500, 0.5, 30).cumsum()
        alarms += any(
            sample_ratio_p([int(one), 500 * day - int(one)], [0.5, 0.5]) < 0.01 for day, one in enumerate(days, 1)
        )
    assert alarms / 200 <= 0.02


def test_a_sample_is_described_as_numpy_does():
    values = np.random.default_rng(4).random(50)
    assert sample(values).mean == pytest.approx(values.mean())
    assert sample(values).variance == pytest.approx(values.var(ddof=1))
