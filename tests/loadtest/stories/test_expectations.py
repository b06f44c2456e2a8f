"""Expectations: how people write them, and how they are judged."""

import pytest

from loadtest.stories.expectations import MAX_LENGTH, judge, parse_expectation

REPORT = {
    "rebufferRatio": {"mean": 0.001, "p95": 0.004},
    "startupMs": {"p95": 900.0},
    "bitrateMean": 3_000_000,
    "originRequests": 110,
    "objects": 100,
    "errors": 0,
    "hitRatio": None,
}


@pytest.mark.parametrize(
    ("text", "ok", "value"),
    [
        ("rebuffer ratio p95 < 0.5 %", True, 0.004),
        ("rebufferRatio.p95 < 0.5%", True, 0.004),
        ("rebuffer ratio p95 < 0.3 %", False, 0.004),
        ("startup p95 <= 0.9 s", True, 900),
        ("startupMs.p95 < 900", False, 900),
        ("startupMs.p95 ≤ 900 ms", True, 900),
        ("bitrate mean ≥ 2.5 Mbit/s", True, 3e6),
        ("origin requests < 1.2 × objects", True, 110),
        ("originRequests < 1.2*objects", True, 110),
        ("originRequests <= objects", False, 110),
        ("errors = 0", True, 0),
        ("errors == 0", True, 0),
        ("bitrateMean > 1e9", False, 3e6),
    ],
)
def test_a_report_is_judged(text, ok, value):
    judgement = judge(parse_expectation(text), REPORT)
    assert (judgement.ok, judgement.value) == (ok, value)


@pytest.mark.parametrize("text", ["hit ratio > 90 %", "objects > 1.1 × hitRatio", "started > 1"])
def test_what_was_not_measured_does_not_hold(text):
    judgement = judge(parse_expectation(text), REPORT)
    assert not judgement.ok
    assert judgement.limit is None


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("errors", "compares nothing"),
        ("joy > 3", "no figure 'joy'; the figures are players"),
        ("errors <", "nothing on its right side"),
        ("errors < many", "no figure 'many'"),
        ("errors < 5 %", "'%' is no unit of errors; it has no unit"),
        ("rebuffer ratio p95 < 5 ms", "'ms' is no unit of rebufferRatio.p95; it has %"),
        ("objects < 1.2 × joy", "no figure 'joy'"),
        ("e" * (MAX_LENGTH + 1), "longer than"),
        ("errors < -1", "no figure '-1'"),
    ],
)
def test_what_cannot_be_judged_is_refused(text, says):
    with pytest.raises(ValueError, match=says):
        parse_expectation(text)
