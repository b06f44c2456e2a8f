"""Metrics of the last two minutes of reports, for any set of edges and window. Pure; `now` in mono seconds."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Hashable
from statistics import median
from typing import NamedTuple

from control.rollout.rollout import WindowMetrics
from kernel.fleet.messages import Report

WINDOW_SECONDS = 120.0
MAX_REPORTS = 120
"""Reports kept per edge, however often it sends them."""


class _Sample(NamedTuple):
    at: float
    requests: int
    errors: int
    hits: int
    slow: float


class MetricsWindow:
    """The latest reports of all edges."""

    def __init__(self) -> None:
        self._samples: dict[str, deque[_Sample]] = {}
        self._seen: dict[str, Hashable] = {}

    def record(self, edge: str, report: Report, mark: Hashable, now: float) -> None:
        """Add an edge's last report, unless `mark` says that it was added already."""
        if self._seen.get(edge) == mark:
            return
        self._seen[edge] = mark
        samples = self._samples.setdefault(edge, deque(maxlen=MAX_REPORTS))
        samples.append(_Sample(now, report.requests, report.errors, report.hits, report.slow))
        while samples[0].at < now - WINDOW_SECONDS:
            samples.popleft()

    def forget_others(self, edges: Collection[str]) -> None:
        """Drop all edges but these."""
        for name in self._samples.keys() - set(edges):
            del self._samples[name], self._seen[name]

    def sum_window(self, edges: Collection[str], start: float, end: float) -> WindowMetrics:
        """The metrics of these edges from the reports that arrived after `start` and up to `end`."""
        some = [sample for name in edges for sample in self._samples.get(name, ()) if start < sample.at <= end]
        slow = [sample.slow for sample in some if sample.requests]
        return WindowMetrics(
            requests=sum(sample.requests for sample in some),
            errors=sum(sample.errors for sample in some),
            hits=sum(sample.hits for sample in some),
            slow=median(slow) if slow else 0.0,
        )
