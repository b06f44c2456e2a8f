"""What an ingest cost."""

import pytest

from origin.ingest.timings import Timings


def test_overhead_is_what_came_on_top_of_ffmpeg():
    """Shares of the one call; null without it."""
    now = [0.0, 0.0]
    timings = Timings(lambda: now[0], lambda: now[1])
    with timings.step("encode"), timings.ffmpeg():
        now[:] = [100.0, 180.0]
    with timings.step("publish"):
        now[:] = [104.0, 183.6]
    report = timings.report()
    assert report["steps"]["publish"] == {"wall": 4.0, "cpu": pytest.approx(3.6)}
    assert report["overhead"] == {"wall": 4.0, "cpu": pytest.approx(3.6), "wallShare": 0.04, "cpuShare": 0.02}
    assert Timings(lambda: 0.0, lambda: 0.0).report()["overhead"]["wallShare"] is None


def test_a_step_that_fails_is_not_reported():
    """Only what was done counts."""
    timings = Timings(lambda: 0.0)
    with pytest.raises(ValueError, match="x"), timings.step("probe"):
        raise ValueError("x")
    assert timings.steps == {}
