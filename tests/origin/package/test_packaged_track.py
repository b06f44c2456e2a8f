"""Bit rates of a packaged track."""

import pytest

from origin.package.packaged_track import PackagedTrack, peak_rate, target_duration


@pytest.mark.parametrize(
    ("seconds", "sizes", "target", "peak"),
    [
        ((4.0, 4.0, 4.0), (400, 800, 400), 4, 1600),
        # A last segment of less than half the target does not count by itself, only with the one before.
        ((4.0, 4.0, 0.5), (400, 400, 400), 4, 1423),
        # A run that is longer than one and a half targets does not count.
        ((4.0, 2.4, 4.0), (400, 800, 400), 4, 2667),
        ((1.0,), (100,), 4, 0),
        ((), (), 4, 0),
    ],
)
def test_a_peak_is_over_about_a_target_duration(seconds, sizes, target, peak):
    """RFC 8216bis: contiguous segments of 0.5 to 1.5 target durations."""
    assert peak_rate(seconds, sizes, target) == peak


@pytest.mark.parametrize(("seconds", "target"), [((4.004, 4.49), 4), ((4.5,), 5), ((0.2,), 1)])
def test_a_target_duration_is_rounded_to_the_nearest(seconds, target):
    assert target_duration(seconds) == target


def test_a_short_film_has_a_peak_that_is_not_below_its_average():
    """None of its segments counts as a peak."""
    track = PackagedTrack("v240", "avc1.42c015", 1000, (400,), (100,))
    assert track.target == 1
    assert track.peak == track.average == 2000
