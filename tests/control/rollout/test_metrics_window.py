"""Sums of what edges reported."""

from __future__ import annotations

from control.rollout.metrics_window import MAX_REPORTS, WINDOW_SECONDS, MetricsWindow
from control.rollout.rollout import WindowMetrics
from kernel.fleet.messages import Report


def report(requests: int, **more: float) -> Report:
    return Report(2.0, requests=requests, **more)  # type: ignore[arg-type]


def test_reports_of_a_set_in_a_stretch_of_time_are_summed() -> None:
    watch = MetricsWindow()
    watch.record("a", report(100, errors=1, hits=90, slow=0.1), 1, 10.0)
    watch.record("a", report(100, errors=1, hits=90, slow=0.1), 1, 11.0)  # the same one, seen again
    watch.record("a", report(0), 2, 12.0)
    watch.record("b", report(50, errors=2, hits=5, slow=0.3), 1, 12.0)
    watch.record("c", report(9_999), 1, 12.0)
    assert watch.sum_window(["a", "b"], 9.0, 12.0) == WindowMetrics(150, 3, 95, 0.2)
    assert watch.sum_window(["a", "b"], 10.0, 12.0) == WindowMetrics(50, 2, 5, 0.3)
    assert watch.sum_window(["a"], 9.0, 10.0).requests == 100
    assert watch.sum_window(["nobody"], 0.0, 99.0) == WindowMetrics()


def test_little_is_kept() -> None:
    watch = MetricsWindow()
    for number in range(2 * MAX_REPORTS):
        watch.record("a", report(1), number, 0.0)
    assert watch.sum_window(["a"], -1.0, 1.0).requests == MAX_REPORTS
    watch.record("a", report(5), "later", WINDOW_SECONDS + 1.0)
    assert watch.sum_window(["a"], -1.0, 999.0).requests == 5
    watch.forget_others([])
    assert watch.sum_window(["a"], -1.0, 999.0).requests == 0
