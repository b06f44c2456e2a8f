"""A node's figures over a run."""

import pytest

from loadtest.nodes.series import Node, NodeRole, Sample, Series, busiest, total_of
from loadtest.reports.timeline import PARTS

EDGE = Node("e1", NodeRole.EDGE)


def series(*samples, node=EDGE, seconds=100.0):
    found = Series(node, seconds)
    for sample in samples:
        found.add_sample(sample)
    return found


def test_a_counter_counts_from_the_first_look_and_by_part_of_the_run():
    found = series(
        Sample(0, requests=100), Sample(0.5, requests=110), Sample(2.5, requests=150), Sample(99, requests=150)
    )
    assert found.total("requests") == pytest.approx(50)
    assert found.parts["requests"][:4] == pytest.approx([10 + 10, 20, 10, 0]), (
        "spread over the time since the last look"
    )
    assert len(found.parts["requests"]) == PARTS


def test_looks_after_the_end_count_to_the_last_part():
    found = series(Sample(98, requests=0), Sample(130, requests=8))
    assert found.total("requests") == pytest.approx(8)


def test_a_node_that_restarts_counts_from_zero():
    found = series(Sample(0, requests=100), Sample(1, requests=120), Sample(2), Sample(3, requests=7))
    assert found.total("requests") == 27
    assert found.missed == 1


def test_gauges_have_a_first_value_and_a_peak():
    found = series(Sample(0, connections=3), Sample(1, connections=9), Sample(2, connections=4))
    assert (found.first["connections"], found.peak["connections"]) == (3, 9)


def test_what_was_never_read_is_not_zero():
    assert series(Sample(0, requests=1)).total("cpu_s") is None
    assert total_of([series(Sample(0))], NodeRole.EDGE, "requests") is None


def test_roles_are_summed_apart():
    origin = series(Sample(0, requests=0), Sample(9, requests=5), node=Node("o", NodeRole.ORIGIN))
    edges = [series(Sample(0, requests=1), Sample(9, requests=4), node=Node(name, NodeRole.EDGE)) for name in "ab"]
    assert total_of([origin, *edges], NodeRole.EDGE, "requests") == 6
    assert total_of([origin, *edges], NodeRole.ORIGIN, "requests") == 5


@pytest.mark.parametrize(("sent", "name"), [((5, 9), "b"), ((9, 5), "a"), ((5, 5), "a")])
def test_the_busiest_edge_sent_the_most(sent, name):
    found = [
        series(Sample(0, bytes_sent=0), Sample(1, bytes_sent=count), node=Node(each, NodeRole.EDGE))
        for each, count in zip("ab", sent, strict=True)
    ]
    assert busiest(found, NodeRole.EDGE) == name
    assert busiest(found, NodeRole.SHIELD) is None
