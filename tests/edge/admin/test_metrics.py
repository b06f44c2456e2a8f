"""The numbers: every counter of the table has one, and straight hits are requests, hits and 200s too."""

from __future__ import annotations

from edge.admin.metrics import metrics, stats
from edge.counters import COUNTERS
from tests.scenario.stage import Scenario

STATS = (
    "requests",
    "hits",
    "stale_hits",
    "misses",
    "collapsed",
    "bytes_sent",
    "bytes_filled",
    "ram_bytes",
    "disk_bytes",
    "objects",
    "fills_running",
)


async def test_every_row_of_the_table_has_a_number_and_nothing_else_does(tcp: Scenario) -> None:
    """The table is the whole truth."""
    e1 = tcp.edge("e1", upstream=tcp.origin("o1"))
    await e1.started()
    assert e1.edge is not None
    numbers = metrics(e1.edge)
    assert set(numbers) == {row.name for row in COUNTERS}
    assert all(isinstance(numbers[row.name], dict) == bool(row.labels) for row in COUNTERS)


async def test_straight_hits_count_as_what_they_are(tcp: Scenario) -> None:
    """In /stats and in /metrics."""
    e1 = tcp.edge("e1", upstream=tcp.origin("o1"))
    await e1.started()
    assert e1.edge is not None
    e1.edge.counts.fast_path_hits = 5
    assert (stats(e1.edge)["requests"], stats(e1.edge)["hits"]) == (5, 5)
    numbers = metrics(e1.edge)
    assert numbers["matinee_edge_requests_total"] == {"200": 5}
    outcomes = numbers["matinee_edge_outcomes_total"]
    assert isinstance(outcomes, dict)
    assert outcomes["hit"] == 5


async def test_stats_has_what_scripts_rely_on(tcp: Scenario) -> None:
    """The names of the contract, all whole numbers."""
    e1 = tcp.edge("e1", upstream=tcp.origin("o1"))
    await e1.started()
    assert e1.edge is not None
    found = stats(e1.edge)
    assert all(isinstance(found[name], int) for name in STATS)
