"""Edges as control knows them, judged and named."""

from __future__ import annotations

from dataclasses import replace

import pytest

from control.fleet.fanout import Fanout
from control.fleet.nodes import Node
from control.fleet.session import Edge
from control.routing.health import Standing
from control.routing.ranking import RouteQuery
from control.routing.service import RoutingService
from kernel.fleet.messages import Hello, Report

REPORT = Report(2.0, requests=10, connections=5)
ASK = RouteQuery("film", region="eu")


class Fleet:
    """Edges that a test speaks for."""

    def __init__(self, clock, count: int = 3) -> None:
        self.clock = clock
        self.nodes: dict[str, Node] = {}
        self.fanout = Fanout(lambda: None, None, clock)  # type: ignore[arg-type]  # nobody connects
        self.routing = RoutingService(self.fanout, self.node_of, clock, "c1")
        for number in range(1, count + 1):
            hello = Hello(f"e{number}", region="eu", address=f"127.0.0.{number}:8081")
            self.fanout.edges[hello.id] = Edge(hello, 0.0, connected=True)
            self.reports(hello.id)

    def node_of(self, hello: Hello) -> Node:
        return self.nodes.get(hello.id) or Node(hello.id, hello.role, region=hello.region, capacity=hello.capacity)

    def reports(self, name: str, **told: object) -> None:
        edge = self.fanout.edges[name]
        edge.report, edge.reported_at = replace(REPORT, **told), self.clock.mono()  # type: ignore[arg-type]
        for hook in self.fanout.on_report:
            hook(edge, edge.report)

    def names(self) -> list[str]:
        return [choice.id for choice in self.routing.route(ASK).edges]


@pytest.fixture
def fleet(clock) -> Fleet:
    return Fleet(clock)


def test_shields_and_edges_without_an_address_are_not_named(fleet):
    fleet.fanout.edges["s1"] = Edge(Hello("s1", role="shield", address="127.0.0.9:80"), 0.0, connected=True)
    fleet.fanout.edges["e4"] = Edge(Hello("e4", address="0.0.0.0:80"), 0.0, connected=True)
    fleet.fanout.edges["e5"] = Edge(Hello("e5"), 0.0, connected=True)
    assert sorted(fleet.names()) == ["e1", "e2", "e3"]


def test_what_happens_counts_at_once(fleet, clock):
    """No verdict is waited for when an edge drains, is drained, or its stream breaks and a probe fails."""
    assert len(fleet.names()) == 3
    fleet.reports("e1", draining=True)
    assert sorted(fleet.names()) == ["e2", "e3"]
    fleet.reports("e1")
    assert len(fleet.names()) == 3
    clock.move(1)
    fleet.fanout.edges["e2"].connected = False
    fleet.routing.record_probe("e2", well=False, reached=False, detail="refused")
    assert sorted(fleet.names()) == ["e1", "e3"]
    assert fleet.routing.verdicts()["e2"].standing is Standing.GONE
    clock.move(1)
    fleet.nodes["e3"] = Node("e3", region="eu", drained=1.0)
    assert fleet.names() == ["e1"]


def test_many_sessions_between_two_reports_are_spread(fleet):
    """What was answered since an edge's last report counts as its load."""
    again = {fleet.routing.route(RouteQuery("film", region="eu", session="0")).edges[0].id for _ in range(60)}
    assert len(again) == 1, "who asks again is no new load"
    firsts = [fleet.routing.route(RouteQuery("film", region="eu", session=str(n))).edges[0].id for n in range(60)]
    assert len(set(firsts)) > 1
    assert fleet.routing.answered == 120


def test_a_report_replaces_the_sessions_counted_since_the_last(fleet):
    sessions = (fleet.routing.route(replace(ASK, session=str(number))).edges[0].id for number in range(100))
    home = next(sessions)
    assert next(sessions) == home
    assert any(edge != home for edge in sessions), "its share is full"
    fleet.reports(home)
    assert fleet.routing.route(replace(ASK, session="later")).edges[0].id == home


def test_viewers_in_trouble_are_shown_and_move_nobody(fleet):
    first = fleet.names()[0]
    address = fleet.fanout.edges[first].hello.address
    for session in ("a", "b", "c"):
        fleet.routing.record_signal(address, session, 10, 0, 4.0)
    fleet.routing.record_signal("nobody", "d", 10, 9, 0.0)
    fleet.clock.move(1)
    assert fleet.names()[0] == first
    assert fleet.routing.verdicts()[first].standing.value == "good"
    assert fleet.routing.viewer_trouble(first).startswith("3 of 3 sessions report trouble")
    assert fleet.routing.viewer_trouble("nobody") == ""


def test_a_hot_titles_replicas_are_asked_for(fleet):
    asked = []
    fleet.routing.replicas = lambda region, title: asked.append((region, title)) or 2
    assert "one of 2 that have the title" in fleet.routing.route(ASK).edges[0].why
    assert asked == [("eu", "film")]


def test_edges_forgotten_are_forgotten(fleet, clock):
    fleet.routing.verdicts()
    del fleet.fanout.edges["e1"]
    clock.move(1)
    fleet.routing.verdicts()
    assert set(fleet.routing.histories) == {"e2", "e3"}


@pytest.mark.parametrize("note", [b"", b"[]", b'{"e1": 3}', b'{"e1": ["x", 0, true, ""]}'])
def test_a_note_that_cannot_be_read_is_left_out(fleet, note):
    fleet.routing.record_note("c2", fleet.clock.wall(), note)
    assert "e1" not in fleet.routing.histories or "c2" not in fleet.routing.histories["e1"].probes
