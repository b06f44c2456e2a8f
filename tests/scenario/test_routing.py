"""Where viewers are sent: edges say how they are, control sees who is gone, and names the others."""

from __future__ import annotations

from control.fleet.nodes import Node as Known
from control.routing.health import Standing
from control.routing.ranking import RouteQuery
from control.routing.service import RoutingService
from tests.doubles.clock import until
from tests.scenario.memory_control import MemoryControl
from tests.scenario.stage import Scenario

TITLE = "title1"


def traffic_of(control: MemoryControl, s: Scenario) -> RoutingService:
    return RoutingService(control.fanout, lambda hello: Known(hello.id, hello.role, region=hello.region), s.clock, "c1")


def named(traffic: RoutingService) -> list[str]:
    return [edge.id for edge in traffic.route(RouteQuery(TITLE, region="eu")).edges]


async def _reported(s: Scenario, traffic: RoutingService) -> None:
    """All have said that they are ready."""
    await s.clock.advance(2.5)
    await until(lambda: {verdict.standing for verdict in traffic.verdicts().values()} == {Standing.GOOD})


async def test_a_killed_edge_is_named_no_more_and_is_when_it_is_back(s: Scenario) -> None:
    """Its stream breaks and nobody gets a connection: two witnesses. Back, it begins with a small share."""
    c1, o1 = s.control("c1"), s.origin("o1")
    nodes = {name: s.edge(name, upstream=o1, control=c1, region="eu") for name in ("e1", "e2", "e3")}
    traffic = traffic_of(c1, s)
    for node in nodes.values():
        await node.started()
    await _reported(s, traffic)
    assert sorted(named(traffic)) == ["e1", "e2", "e3"]
    first = named(traffic)[0]
    await nodes[first].is_killed()
    await until(lambda: not c1.fanout.edges[first].connected)
    assert first in named(traffic), "a line that broke is no death"
    traffic.record_probe(first, well=False, reached=False, detail="connection refused")
    assert first not in named(traffic)
    assert traffic.verdicts()[first].standing is Standing.GONE
    await nodes[first].started()
    await until(lambda: c1.fanout.edges[first].connected)
    traffic.record_probe(first, well=True, reached=True)
    await s.clock.advance(2.5)
    await until(lambda: traffic.verdicts()[first].standing is Standing.RETURNING)
    for _ in range(15):  # everybody goes on reporting
        before = s.clock.mono()
        await s.clock.advance(2.1)
        await c1.hears(before)
    await until(lambda: first == named(traffic)[0])


async def test_an_edge_that_drains_says_so_and_takes_no_new_viewers(s: Scenario) -> None:
    """No probe is waited for: its next report says it."""
    c1, o1 = s.control("c1"), s.origin("o1")
    e1, e2 = (s.edge(name, upstream=o1, control=c1, region="eu") for name in ("e1", "e2"))
    traffic = traffic_of(c1, s)
    for node in (e1, e2):
        await node.started()
    await _reported(s, traffic)
    assert sorted(named(traffic)) == ["e1", "e2"]
    assert e1.edge is not None
    e1.edge.draining = True
    await s.clock.advance(2.5)
    await until(lambda: named(traffic) == ["e2"])
    assert traffic.verdicts()["e1"].why == "it says that it drains"


async def test_viewers_who_say_that_they_stall_move_nobody(s: Scenario) -> None:
    """Anybody can invent a session: what they say is shown to operators and decides nothing."""
    c1, o1 = s.control("c1"), s.origin("o1")
    nodes = [s.edge(name, upstream=o1, control=c1, region="eu") for name in ("e1", "e2", "e3")]
    traffic = traffic_of(c1, s)
    for node in nodes:
        await node.started()
    await _reported(s, traffic)
    before = named(traffic)
    for session in ("a", "b", "c", "d"):
        traffic.record_signal(before[0], session, requests=20, errors=20, stalled=6.0)
    await s.clock.advance(1)
    assert named(traffic) == before
