"""How often somebody may."""

import pytest

from httpd.rate_limiter import RateLimiter


def test_a_burst_then_the_rate():
    rate = RateLimiter(2.0, 3.0)
    assert [rate.seconds_to_wait("a", 10.0) for _ in range(4)] == [0.0, 0.0, 0.0, 0.5]
    assert rate.seconds_to_wait("b", 10.0) == 0.0
    assert rate.seconds_to_wait("a", 10.5) == 0.0
    assert rate.seconds_to_wait("a", 10.5) == pytest.approx(0.5)
    assert [rate.seconds_to_wait("a", 100.0) for _ in range(3)] == [0.0] * 3


def test_names_are_bounded(monkeypatch):
    monkeypatch.setattr("httpd.rate_limiter.MAX_NAMES", 2)
    rate = RateLimiter(1.0, 1.0)
    assert [rate.seconds_to_wait(name, 0.0) for name in ("a", "b", "c", "a")] == [0.0] * 4
