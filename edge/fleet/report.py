"""How an edge is and what it did since the last time: two readings of its numbers, and the difference. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from edge.counters import HEAD_BOUNDS
from kernel.fleet.messages import Popular, Prefetched, Report

SLOW_SHARE = 0.01


class CounterSnapshot(NamedTuple):
    """Numbers that only grow, at `at` (mono). `heads` counts requests by `HEAD_BOUNDS`, the last for all that is
    slower; `errors`: answers 500 and above, and broken ones."""

    at: float
    requests: int
    hits: int
    errors: int
    bytes_sent: int
    bytes_filled: int
    heads: tuple[int, ...]


class NodeStatus(NamedTuple):
    """Numbers as they are now; `loop_delay` is the worst since the last report."""

    connections: int
    loop_delay: float
    ram_bytes: int
    disk_bytes: int
    ready: bool
    draining: bool


def report(
    before: CounterSnapshot,
    after: CounterSnapshot,
    standing: NodeStatus,
    popular: tuple[Popular, ...] = (),
    prefetched: tuple[Prefetched, ...] = (),
) -> Report:
    """The report of what happened between two readings."""
    requests = after.requests - before.requests
    heads = [now - then for now, then in zip(after.heads, before.heads, strict=True)]
    return Report(
        seconds=max(0.0, after.at - before.at),
        requests=requests,
        hits=after.hits - before.hits,
        errors=after.errors - before.errors,
        bytes_sent=after.bytes_sent - before.bytes_sent,
        bytes_filled=after.bytes_filled - before.bytes_filled,
        connections=standing.connections,
        loop_delay=standing.loop_delay,
        slow=slow(requests, heads),
        ram_bytes=standing.ram_bytes,
        disk_bytes=standing.disk_bytes,
        ready=standing.ready,
        draining=standing.draining,
        popular=popular,
        prefetched=prefetched,
    )


def slow(requests: int, heads: Sequence[int]) -> float:
    """Seconds to the head that one request in a hundred exceeds, by the bounds; 0 when that is faster than the first.

    `heads[0]` is not asked: what is not counted apart was fast.
    """
    over = 0
    for at in range(len(heads) - 1, 0, -1):
        over += heads[at]
        if over > requests * SLOW_SHARE:
            return HEAD_BOUNDS[min(at, len(HEAD_BOUNDS) - 1)]
    return 0.0
