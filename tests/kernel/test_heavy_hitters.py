"""Heavy hitters: faded sums of few among many."""

import random

import pytest

from kernel.heavy_hitters import HeavyHitters


def test_sums_fade_by_half_in_a_half_life():
    sums: HeavyHitters[str] = HeavyHitters(10, half_life=60.0)
    sums.record("a", 1000.0, 4.0, 100.0)
    ((key, taken),) = sums.top(5, 160.0)
    assert key == "a"
    assert taken.bytes == pytest.approx(500.0)
    assert taken.requests == pytest.approx(2.0)
    assert taken.max_error_bytes == 0.0


def test_the_largest_come_first_and_no_more_than_asked_for():
    sums: HeavyHitters[int] = HeavyHitters(10, half_life=60.0)
    for number in range(5):
        sums.record(number, 100.0 * number + 1, 1.0, 0.0)
    assert [key for key, _ in sums.top(3, 0.0)] == [4, 3, 2]


def test_what_faded_to_nothing_is_left_out():
    sums: HeavyHitters[str] = HeavyHitters(10, half_life=1.0)
    sums.record("a", 1000.0, 1.0, 0.0)
    assert sums.top(5, 11.0) == []


def test_whoever_takes_more_than_its_share_is_found_among_a_long_tail():
    chance = random.Random(7)
    sums: HeavyHitters[int] = HeavyHitters(50, half_life=1e9)
    took = dict.fromkeys(range(3), 0.0)
    for step in range(20_000):
        key = step % 3 if chance.random() < 0.15 else chance.randrange(100, 100_000)
        took[key] = took.get(key, 0.0) + 1000.0
        sums.record(key, 1000.0, 1.0, float(step))
    assert len(sums) == 50
    best = dict(sums.top(50, 20_000.0))
    assert {0, 1, 2} <= best.keys()
    for key in (0, 1, 2):
        assert best[key].bytes - best[key].max_error_bytes <= took[key] * 1.001
        assert took[key] <= best[key].bytes * 1.001


def test_sums_stay_right_over_a_very_long_time():
    sums: HeavyHitters[str] = HeavyHitters(10, half_life=1.0)
    for second in range(5_000):
        sums.record("a", 100.0, 1.0, float(second))
    ((_, taken),) = sums.top(1, 4_999.0)
    assert taken.bytes == pytest.approx(200.0)
