"""A report is the difference of two readings."""

from edge.counters import HEAD_BOUNDS
from edge.fleet.report import CounterSnapshot, NodeStatus, make_report, slow_head_seconds
from edge.prefetch.service import SWEEP_SECONDS
from tests.scenario.player import Film, Player
from tests.scenario.stage import Scenario

NONE = (0,) * (len(HEAD_BOUNDS) + 1)
STATUS = NodeStatus(3, 0.02, 10, 20, ready=True, draining=False)


def heads(**at: int) -> tuple[int, ...]:
    found = list(NONE)
    for name, number in at.items():
        found[int(name[1:])] = number
    return tuple(found)


def test_the_difference():
    before = CounterSnapshot(10.0, 100, 90, 1, 1000, 100, heads(_3=5))
    after = CounterSnapshot(12.0, 150, 130, 2, 3000, 150, heads(_3=6, _8=4))
    made = make_report(before, after, STATUS)
    assert (made.seconds, made.requests, made.hits, made.errors) == (2.0, 50, 40, 1)
    assert (made.bytes_sent, made.bytes_filled, made.connections, made.loop_delay) == (2000, 50, 3, 0.02)
    assert (made.ram_bytes, made.disk_bytes, made.ready, made.draining) == (10, 20, True, False)
    assert made.slow == HEAD_BOUNDS[8]


def test_one_in_a_hundred():
    assert slow_head_seconds(0, NONE) == 0.0
    assert slow_head_seconds(1000, heads(_4=10)) == 0.0
    assert slow_head_seconds(1000, heads(_4=11)) == HEAD_BOUNDS[4]
    assert slow_head_seconds(1000, heads(_4=100, _9=10, _10=1)) == HEAD_BOUNDS[9]
    assert slow_head_seconds(10, heads(_15=1)) == HEAD_BOUNDS[-1]


async def test_a_report_tells_what_happened_since_the_last(tcp: Scenario) -> None:
    o1 = tcp.library("o1")
    film = Film(o1, "film", {"v720": 4_000}, 5)
    e1 = tcp.edge("e1", upstream=o1, prefetch="off")
    player = Player(e1, tcp.network)
    for number in (0, 1, 0, 0, 0):
        await player.asks(film.path("v720", number))
    await e1.until(fills_running=0)
    assert e1.edge is not None
    await tcp.clock.advance(SWEEP_SECONDS)
    first = e1.edge.reporter.report()
    assert (first.seconds, first.requests, first.hits, first.errors, first.ready) == (2.0, 5, 3, 0, True)
    assert (first.bytes_sent, first.bytes_filled) == (player.bytes, e1.edge.counts.bytes_filled)
    assert first.connections == 1
    (row,) = first.popular
    assert (row.content_id, row.rendition, round(row.requests)) == ("film", "v720", 5)
    await player.asks("/cdn/eu/film/v720/none.m4s/")
    await tcp.clock.advance(SWEEP_SECONDS)
    second = e1.edge.reporter.report()
    assert (second.requests, second.hits) == (1, 0)
    player.leaves()
