"""Demand over a catalogue: Zipf by rank, drifting, with releases that peak."""

import math
from random import Random

import pytest

from loadtest.population.popularity import Popularity, TitleSampler, capped, weights_by_day

STILL = Popularity(drift=0.0, new_share=0.0, max_share=1.0)


@pytest.mark.parametrize("exponent", [0.6, 0.8, 1.1])
def test_without_drift_the_weights_are_zipf(exponent):
    (row,) = weights_by_day(Popularity(exponent=exponent, drift=0, new_share=0, max_share=1), 1000, 1, seed=1)
    assert sum(row) == pytest.approx(1)
    slope = math.log(row[999] / row[0]) / math.log(1000)
    assert slope == pytest.approx(-exponent)


def test_the_drift_keeps_its_spread_from_day_to_day():
    rows = weights_by_day(Popularity(drift=0.3, new_share=0, max_share=1), 2000, 10, seed=1)
    still = weights_by_day(STILL, 2000, 1, seed=1)[0]
    for row in (rows[0], rows[9]):
        off = [math.log(weight / calm) for weight, calm in zip(row, still, strict=True)]
        mean = sum(off) / len(off)
        assert math.sqrt(sum((x - mean) ** 2 for x in off) / len(off)) == pytest.approx(0.3, rel=0.1)


def test_a_release_peaks_on_its_day_and_decays():
    rows = weights_by_day(Popularity(drift=0, new_share=0.5, max_share=1), 50, 8, seed=3)
    released_on_3 = [rank for rank in range(50) if rows[2][rank] == 0 and rows[3][rank] > 0]
    assert released_on_3
    for rank in released_on_3:
        assert all(row[rank] == 0 for row in rows[:3])
        shares = [row[rank] for row in rows[3:]]
        assert max(shares) == shares[0]
        assert shares[-1] < shares[0] / 2


def test_a_days_shares_always_sum_to_one_and_stay_below_the_cap():
    for row in weights_by_day(Popularity(exponent=1.4, max_share=0.1), 200, 5, seed=4):
        assert sum(row) == pytest.approx(1)
        assert max(row) <= 0.1 * (1 + 1e-6)


def test_too_few_titles_for_the_cap_keep_their_shares():
    assert capped([3, 1], 0.1) == [0.75, 0.25]
    assert capped([5], 0.1) == [1.0]


def test_the_same_seed_gives_the_same_days():
    assert weights_by_day(Popularity(), 100, 3, seed=7) == weights_by_day(Popularity(), 100, 3, seed=7)
    assert weights_by_day(Popularity(), 100, 3, seed=7) != weights_by_day(Popularity(), 100, 3, seed=8)


def test_titles_are_drawn_by_their_shares_of_the_day():
    sampler = TitleSampler([[0.7, 0.3, 0.0], [0.0, 0.0, 1.0]])
    random = Random(1)
    drawn = [sampler.pick(0, random) for _ in range(5000)]
    assert drawn.count(0) / 5000 == pytest.approx(0.7, abs=0.03)
    assert drawn.count(2) == 0
    assert {sampler.pick(5, random) for _ in range(20)} == {2}


@pytest.mark.parametrize(("titles", "days"), [(0, 1), (1, 0), (10**7, 1), (1, 1000)])
def test_impossible_catalogues_are_refused(titles, days):
    with pytest.raises(ValueError, match="not"):
        weights_by_day(Popularity(), titles, days, seed=1)
