"""Experiments in which nothing differs, looked at every evening."""

from services.recommend.experiments.simulation import simulate_aa


def test_equal_arms_differ_in_at_most_five_of_a_hundred_experiments_looked_at_daily():
    found = simulate_aa(runs=100, days=14, viewers_a_day=150, seed=1)
    assert found.false_positives <= 5
    assert found.ratio_alarms <= 1


def test_an_effect_is_found():
    assert simulate_aa(runs=8, days=14, viewers_a_day=600, seed=2, effect=0.4).false_positives >= 7
