"""How often somebody may."""

import pytest

from control.rate_limiter import Rate


def test_a_burst_then_the_rate():
    rate = Rate(2.0, 3.0)
    assert [rate.wait("a", 10.0) for _ in range(4)] == [0.0, 0.0, 0.0, 0.5]
    assert rate.wait("b", 10.0) == 0.0
    assert rate.wait("a", 10.5) == 0.0
    assert rate.wait("a", 10.5) == pytest.approx(0.5)
    assert [rate.wait("a", 100.0) for _ in range(3)] == [0.0] * 3


def test_names_are_bounded(monkeypatch):
    monkeypatch.setattr("control.rate_limiter.NAMES_MOST", 2)
    rate = Rate(1.0, 1.0)
    assert [rate.wait(name, 0.0) for name in ("a", "b", "c", "a")] == [0.0] * 4
