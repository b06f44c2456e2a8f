import pytest

from loadtest.player.bandwidth import BandwidthEstimator, WeightedMean


def test_half_of_the_weight_is_lost_every_half_life():
    mean = WeightedMean(3)
    mean.sample(3, 8.0)
    assert mean.value == pytest.approx(8.0)
    mean.sample(3, 0.0)
    # Weights: 1/4 of the first sample's 8, 1/2 of the second's 0, over 3/4.
    assert mean.value == pytest.approx(8 / 3)


def test_it_goes_down_quickly_and_up_slowly():
    down, up = BandwidthEstimator(1e6), BandwidthEstimator(1e6)
    for _ in range(10):
        down.sample(2, 2_000_000)
        up.sample(2, 250_000)
    down.sample(2, 250_000)
    up.sample(2, 2_000_000)
    assert 8e6 - down.bps > up.bps - 1e6


def test_the_default_holds_until_the_first_sample():
    estimate = BandwidthEstimator(2e6)
    assert (estimate.bps, estimate.ttfb_s, estimate.can_estimate) == (2e6, 0.1, False)
    estimate.sample(1, 1_000_000)
    estimate.sample_ttfb(0.03)
    assert estimate.bps == pytest.approx(8e6)
    assert estimate.ttfb_s == pytest.approx(0.03)


def test_a_transfer_faster_than_the_clock_is_no_infinite_rate():
    estimate = BandwidthEstimator(1e6)
    estimate.sample(0.0, 10_000_000)
    assert estimate.bps <= 8 * 10_000_000 / 0.05
