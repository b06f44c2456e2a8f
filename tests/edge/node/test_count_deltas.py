"""What workers count becomes the node's figures."""

from edge.counters import ONE_REQUEST, Counts
from edge.node.count_deltas import CountReporter, add_deltas, gauges_of, take_back_gauges
from edge.serve.connection_limits import ConnectionCounts


def test_each_figure_is_said_once():
    theirs, doors, ours, our_doors = Counts(), ConnectionCounts(), Counts(hits=5), ConnectionCounts()
    reporter = CountReporter(theirs, doors)
    for _ in range(2):
        theirs.hits += 3
        theirs.statuses[404] = theirs.statuses.get(404, 0) + 1
        theirs.head_times[2] += 1
        theirs.renditions.record(b"t1/v720", 100)
        doors.cut += 2
        doors.handshakes["done"] = doors.handshakes.get("done", 0) + 1
        add_deltas(ours, our_doors, reporter.deltas())
    assert reporter.deltas() == {}
    assert (ours.hits, ours.statuses, ours.head_times[2]) == (11, {404: 2}, 2)
    assert ours.renditions.tally(b"t1/v720").bytes == 2 * ONE_REQUEST + 200
    assert (our_doors.cut, our_doors.handshakes) == (4, {"done": 2})


def test_a_dead_worker_takes_its_connections_with_it_and_leaves_its_requests():
    theirs, ours = Counts(connections=3, requests=7), Counts(connections=1)
    deltas = CountReporter(theirs, ConnectionCounts()).deltas()
    add_deltas(ours, ConnectionCounts(), deltas)
    assert (ours.connections, ours.requests) == (4, 7)
    take_back_gauges(ours, gauges_of(deltas, {}))
    assert (ours.connections, ours.requests) == (1, 7)


def test_a_new_owner_learns_of_connections_that_the_old_one_knew():
    theirs = Counts(connections=3, requests=7)
    reporter = CountReporter(theirs, ConnectionCounts())
    reporter.deltas()
    reporter.repeat_gauges()
    assert reporter.deltas() == {"connections": 3}
