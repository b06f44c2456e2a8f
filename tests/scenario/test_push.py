"""Push: documents of settings, wherever they come from, are in force as a whole, at once, and outlive control."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from control.rollout.rollout import RolloutState, position
from kernel.fleet.messages import SETTINGS, Report
from tests.doubles.clock import until
from tests.scenario.agents import agents, all_are_killed, well
from tests.scenario.memory_control import MemoryControl
from tests.scenario.stage import Node, Scenario

SEG = "/cdn/eu/title1/v720/00001.m4s"
NEXT = "/cdn/eu/title1/v720/00002.m4s"
PAGES = {"path": "/cdn/*/title1/", "cors": ["https://www.example.org"]}


def in_force(control: MemoryControl, name: str) -> bool:
    """Whether an edge has the settings that it is to have, on its disk too."""
    edge = control.edge(name)
    return edge is not None and edge.applied.get(SETTINGS) == control.settings_of(name)


async def applied(control: MemoryControl, node: Node) -> None:
    """The newest settings of this edge are in force and on its disk."""
    await until(lambda: in_force(control, node.name))


async def test_a_route_that_is_pushed_counts_for_the_next_request_of_a_player_in_mid_film(s: Scenario) -> None:
    """What a connection remembers of its folder, and heads made ready this second, are made anew."""
    c1, o1 = s.control("c1", default="allow"), s.origin("o1")
    e1 = s.edge("e1", upstream=o1, control=c1)
    o1.expects(SEG).answers(200, b"segment", cache_control="max-age=60")
    player = s.viewer("player", at=e1)
    for _ in range(4):
        assert (await player.gets(SEG)).headers["access-control-allow-origin"] == "*"
    c1.pushes(["e1"], route=[PAGES])
    await applied(c1, e1)
    got = await player.gets(SEG)
    assert got.headers.get("access-control-allow-origin") is None
    assert got.cache_status.startswith("e1; hit")
    page = await player.gets(SEG, origin="https://www.example.org")
    assert page.headers["access-control-allow-origin"] == "https://www.example.org"
    c1.pushes(["e1"])
    await applied(c1, e1)
    assert (await player.gets(SEG)).headers["access-control-allow-origin"] == "*"


async def test_other_upstreams_are_asked_from_the_next_miss_on(s: Scenario) -> None:
    """Fetches that run go on to their end."""
    c1, old, new, held = s.control("c1", default="allow"), s.origin("old"), s.origin("new"), s.gate()
    e1 = s.edge("e1", upstream=old, control=c1)
    old.expects(SEG).waits_for(held).answers(200, b"of the old", cache_control="max-age=60")
    new.expects(NEXT).answers(200, b"of the new", cache_control="max-age=60")
    waiting = asyncio.ensure_future(s.viewer("first", at=e1).gets(SEG))
    await e1.until(waiting=1)
    c1.pushes(["e1"], upstream=[f"http://{await new.started()}"], upstream_first_byte="5s")
    await applied(c1, e1)
    assert (await s.viewer("second", at=e1).gets(NEXT)).body == b"of the new"
    held.open()
    assert (await waiting).body == b"of the old"


async def test_what_an_edge_cannot_follow_is_refused_by_its_name_and_not_sent_again(s: Scenario) -> None:
    """The settings that it has go on."""
    c1, o1 = s.control("c1", default="allow"), s.origin("o1")
    e1 = s.edge("e1", upstream=o1, control=c1)
    await e1.started()
    c1.pushes(["e1"], default_ttl="60s")
    await applied(c1, e1)
    c1.pushes(["e1"], default_ttl="90s", route=[{"host": "a.example"}])
    await until(lambda: c1.fanout.refusals == 1)
    edge = c1.edge("e1")
    assert edge is not None
    assert "setting `host` (route 1)" in edge.errors[SETTINGS]
    o1.expects(SEG).answers(200, b"segment")
    assert (await s.viewer("v", at=e1).gets(SEG)).cache_status == "e1; fwd=uri-miss; stored"
    assert e1.edge is not None
    assert e1.edge.settings.default_ttl == 60.0
    sent = c1.fanout.updates_sent
    c1.publishes("title2")
    await until(lambda: c1.fanout.updates_sent > sent)
    assert c1.fanout.refusals == 1
    c1.pushes(["e1"], default_ttl="90s")
    await applied(c1, e1)
    assert e1.edge.settings.default_ttl == 90.0


async def test_an_edge_that_starts_without_control_has_the_pushed_settings_in_force(s: Scenario) -> None:
    """They lie in its fleet folder with the rest."""
    c1, o1 = s.control("c1", default="allow"), s.origin("o1")
    e1 = s.edge("e1", upstream=o1, control=c1)
    await e1.started()
    c1.pushes(["e1"], default_ttl="60s", max_connections=3)
    await applied(c1, e1)
    await c1.goes_down()
    await e1.is_killed()
    starting = asyncio.ensure_future(e1.started())
    while not starting.done():
        await s.clock.advance(0.5)
    o1.expects(SEG).answers(200, b"segment")
    assert (await s.viewer("v", at=e1).gets(SEG)).cache_status == "e1; fwd=uri-miss; stored"
    assert e1.edge is not None
    assert e1.edge.connection_limits.settings.max_connections == 3
    c1.comes_back()
    c1.pushes(["e1"])
    await s.clock.advance(30)
    await applied(c1, e1)
    assert e1.edge.settings.default_ttl == 0.0


def ill(settings: Mapping[str, object]) -> Report:
    """An edge with the bad settings fails one request in ten."""
    return Report(2.0, requests=100, hits=85, errors=10) if settings.get("max_object") == "64KiB" else well(settings)


async def test_a_bad_push_to_a_hundred_edges_reaches_the_canaries_only_and_is_back_within_30_s(
    memory: Scenario,
) -> None:
    """Nobody has to do anything."""
    s, c1 = memory, memory.control("c1")
    c1.carries_rollouts_on()
    fleet = agents(100, c1.connect, s.folder, s.clock, ill)
    await until(lambda: all(one.subscriber.is_connected for one in fleet))
    await s.clock.advance(10)
    before = s.clock.mono()
    await c1.settings.push({"all": {"max_object": "64KiB"}}, author="anna", reason="save room")
    while (rollout := c1.settings.current().rollout) is not None and rollout.state is not RolloutState.REVERTED:
        await s.clock.advance(0.5)
        await until(lambda: all(in_force(c1, one.id) for one in fleet))
        assert s.clock.mono() - before < 30
    assert rollout is not None
    assert "of requests fail" in rollout.why
    await until(lambda: not any(one.settings for one in fleet))
    reached = [one for one in fleet if one.taken]
    assert len(reached) == 5
    assert {one.id for one in reached} == {
        one.id for one in fleet if position(one.id, rollout.number) <= rollout.cutoff
    }
    assert s.clock.mono() - before < 30
    await all_are_killed(fleet)


async def test_an_hour_without_control_and_every_edge_serves_everything_restarts_included(memory: Scenario) -> None:
    """Licences, keys, revocations and settings stay in force, however often an edge starts anew."""
    s, c1, o1 = memory, memory.control("c1"), memory.origin("o1")
    c1.publishes("title1", allow=["DE"])
    c1.revokes("bad")
    edges = [s.edge(name, upstream=o1, control=c1, tokens="required") for name in ("e1", "e2")]
    for edge in edges:
        await edge.started()
    c1.pushes(["e1", "e2"], default_ttl="7200s")
    for edge in edges:
        await applied(c1, edge)
        o1.expects(SEG).answers(200, b"segment")
    await c1.goes_down()
    good, bad = (s.token("/cdn/eu/title1/", ttl=7_200, session=name) for name in ("good", "bad"))
    for minute in range(12):
        await s.clock.advance(300)
        if minute % 4 == 2:
            edge = edges[minute % 2]
            await edge.written()
            await edge.is_killed()
            starting = asyncio.ensure_future(edge.started())
            while not starting.done():
                await s.clock.advance(0.5)
        for edge in edges:
            statuses = [
                (await s.viewer("v", at=edge, country=country, token=token).gets(SEG)).status
                for country, token in (("DE", good), ("FR", good), ("DE", bad), ("DE", None))
            ]
            assert statuses == [200, 451, 403, 401]
    assert s.clock.mono() > 3_600
    c1.comes_back()
    c1.publishes("title1", allow=["FR"])
    await s.clock.advance(30)
    for edge in edges:
        await until(lambda edge=edge: edge.edge.node.rules.version == c1.desired.revision)
        assert (await s.viewer("v", at=edge, country="FR", token=good).gets(SEG)).status == 200
