"""Reports to control: the edge's status now, and the difference of its totals since the last report."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from edge.counters import HEAD_BOUNDS, Counts
from edge.prefetch.accounting import PrefetchAccounting
from edge.prefetch.popularity import Popularity
from kernel.clock import Clock
from kernel.fleet.messages import Popular, Prefetched, Report

SLOW_SHARE = 0.01
"""Share of requests whose heads may take longer than the reported time."""


class CounterSnapshot(NamedTuple):
    """Totals at `at` (mono). `heads` counts requests by `HEAD_BOUNDS`, the last for anything slower; `errors` counts
    responses of 500 and above, and those cut off."""

    at: float
    requests: int
    hits: int
    errors: int
    bytes_sent: int
    bytes_filled: int
    heads: tuple[int, ...]


class NodeStatus(NamedTuple):
    """Current values; `loop_delay` is the worst since the last report, in seconds."""

    connections: int
    loop_delay: float
    ram_bytes: int
    disk_bytes: int
    ready: bool
    draining: bool


class NodeReporter:
    """Makes the reports of one edge; `status` reads its current values."""

    def __init__(
        self,
        counts: Counts,
        popularity: Popularity,
        prefetched: PrefetchAccounting,
        clock: Clock,
        status: Callable[[], NodeStatus],
    ) -> None:
        self._counts = counts
        self._popularity = popularity
        self._prefetched = prefetched
        self._clock = clock
        self._status = status
        self._before = snapshot(counts, clock.mono())

    def report(self) -> Report:
        """The edge's status, and what it did since the last report."""
        after = snapshot(self._counts, self._clock.mono())
        before, self._before = self._before, after
        status, self._counts.worst_delay = self._status(), 0.0
        self._popularity.sweep(after.at)
        return make_report(before, after, status, self._popularity.rows(after.at), self._prefetched.report())


def snapshot(counts: Counts, at: float) -> CounterSnapshot:
    """The totals at `at` (mono). Stale hits count as hits."""
    return CounterSnapshot(
        at=at,
        requests=counts.requests + counts.fast_path_hits,
        hits=counts.hits + counts.fast_path_hits + counts.stale_hits,
        errors=counts.broken_responses + sum(number for status, number in counts.statuses.items() if status >= 500),
        bytes_sent=counts.bytes_sent,
        bytes_filled=counts.bytes_filled,
        heads=tuple(counts.head_times),
    )


def make_report(
    before: CounterSnapshot,
    after: CounterSnapshot,
    status: NodeStatus,
    popular: tuple[Popular, ...] = (),
    prefetched: tuple[Prefetched, ...] = (),
) -> Report:
    """The report of what happened between two snapshots."""
    requests = after.requests - before.requests
    heads = [now - then for now, then in zip(after.heads, before.heads, strict=True)]
    return Report(
        seconds=max(0.0, after.at - before.at),
        requests=requests,
        hits=after.hits - before.hits,
        errors=after.errors - before.errors,
        bytes_sent=after.bytes_sent - before.bytes_sent,
        bytes_filled=after.bytes_filled - before.bytes_filled,
        connections=status.connections,
        loop_delay=status.loop_delay,
        slow=slow_head_seconds(requests, heads),
        ram_bytes=status.ram_bytes,
        disk_bytes=status.disk_bytes,
        ready=status.ready,
        draining=status.draining,
        popular=popular,
        prefetched=prefetched,
    )


def slow_head_seconds(requests: int, heads: Sequence[int]) -> float:
    """The time to the head that one request in a hundred exceeds, as one of `HEAD_BOUNDS`; 0 if below the first.

    `heads[0]` is ignored: requests faster than the first bound are not counted separately.
    """
    slower = 0
    for at in range(len(heads) - 1, 0, -1):
        slower += heads[at]
        if slower > requests * SLOW_SHARE:
            return HEAD_BOUNDS[min(at, len(HEAD_BOUNDS) - 1)]
    return 0.0
