import random

from hypothesis import given
from hypothesis import strategies as st

from loadtest.histogram import Histogram, merged


def of(values):
    histogram = Histogram()
    for value in values:
        histogram.record(value)
    return histogram


def test_percentiles_are_within_the_width_of_a_bucket():
    rng = random.Random(1)
    values = sorted(rng.lognormvariate(0, 2) for _ in range(10_000))
    histogram = of(values)
    for share in (0.5, 0.95, 0.99):
        exact = values[int(share * len(values)) - 1]
        assert abs(histogram.percentile(share) / exact - 1) < 0.03


def test_zero_and_nothing():
    assert Histogram().percentile(0.95) == Histogram().mean == 0.0
    assert of([0.0, 0.0, 5.0]).percentile(0.5) == 0.0


@given(st.lists(st.floats(0, 1e6)), st.lists(st.floats(0, 1e6)))
def test_merging_equals_recording_in_one(left, right):
    both, together = merged([of(left), of(right)]), of(left + right)
    assert both.counts == together.counts
    assert both.max == together.max


@given(st.lists(st.floats(0, 1e6), min_size=1))
def test_no_percentile_exceeds_the_largest_value(values):
    assert of(values).percentile(1.0) <= max(values)
