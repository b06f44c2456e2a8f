import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadtest.drivers.line import SLACK_S, Line
from loadtest.session import UNLIMITED, NetworkProfile, RateStep

DSL = NetworkProfile("dsl", (RateStep(10, 8e6),), 0.02)
STEPS = NetworkProfile("steps", (RateStep(10, 8e6), RateStep(5, 1e6)), 0.02)


def test_without_a_rate_nothing_waits():
    line = Line(UNLIMITED, 0.0)
    assert not line.is_limited
    assert line.wait_after(1 << 30, 0.0) == 0.0
    assert line.read_size(0.0, 999) == 999


@pytest.mark.parametrize(("now", "bps"), [(0, 8e6), (9.9, 8e6), (10.1, 1e6), (14.9, 1e6), (15.1, 8e6), (25.1, 1e6)])
def test_the_steps_of_a_rate_repeat(now, bps):
    assert Line(STEPS, 0.0).rate_at(now) == bps
    assert Line(STEPS, 100.0).rate_at(100.0 + now) == bps


def test_compressed_time_is_faster_in_the_same_proportion():
    line = Line(STEPS, 0.0, speed=10.0)
    assert line.rate_at(0.5) == 8e7
    assert line.rate_at(1.2) == 1e7
    assert line.latency_s == pytest.approx(0.002)


@given(st.lists(st.integers(1, 200_000), min_size=1, max_size=50))
def test_everything_takes_as_long_as_its_bytes_do(sizes):
    """A reader that waits as it is told gets the line's rate, whatever the sizes of its reads."""
    line, now = Line(DSL, 0.0), 0.0
    for size in sizes:
        now += line.wait_after(size, now)
    ideal = sum(sizes) / 1e6
    assert ideal - SLACK_S <= now <= ideal + 1e-6


def test_loss_bounds_the_rate_by_the_round_trip():
    slow = Line(NetworkProfile("lossy", (), 0.1, 0.01), 0.0)
    assert slow.is_limited
    assert slow.rate_at(0.0) == pytest.approx(8 * 1460 / 0.1 * math.sqrt(1.5) / 0.1)
    assert Line(NetworkProfile("none", (), 0.1, 0.0), 0.0).rate_at(0.0) == math.inf


def test_reads_are_small_on_a_slow_line():
    assert Line(DSL, 0.0).read_size(0.0, 1 << 20) == 20_000
