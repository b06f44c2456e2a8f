"""A report is the difference of two readings."""

from edge.counters import HEAD_BOUNDS
from edge.fleet.report import CounterSnapshot, NodeStatus, report, slow

NONE = (0,) * (len(HEAD_BOUNDS) + 1)
STANDING = NodeStatus(3, 0.02, 10, 20, ready=True, draining=False)


def heads(**at: int) -> tuple[int, ...]:
    found = list(NONE)
    for name, number in at.items():
        found[int(name[1:])] = number
    return tuple(found)


def test_the_difference():
    before = CounterSnapshot(10.0, 100, 90, 1, 1000, 100, heads(_3=5))
    after = CounterSnapshot(12.0, 150, 130, 2, 3000, 150, heads(_3=6, _8=4))
    made = report(before, after, STANDING)
    assert (made.seconds, made.requests, made.hits, made.errors) == (2.0, 50, 40, 1)
    assert (made.bytes_sent, made.bytes_filled, made.connections, made.loop_delay) == (2000, 50, 3, 0.02)
    assert (made.ram_bytes, made.disk_bytes, made.ready, made.draining) == (10, 20, True, False)
    assert made.slow == HEAD_BOUNDS[8]


def test_one_in_a_hundred():
    assert slow(0, NONE) == 0.0
    assert slow(1000, heads(_4=10)) == 0.0
    assert slow(1000, heads(_4=11)) == HEAD_BOUNDS[4]
    assert slow(1000, heads(_4=100, _9=10, _10=1)) == HEAD_BOUNDS[9]
    assert slow(10, heads(_15=1)) == HEAD_BOUNDS[-1]
