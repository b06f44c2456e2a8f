"""Push: documents of settings, wherever they come from, are in force as a whole, at once, and outlive control."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from kernel.fleet import SETTINGS
from tests.scenario.clock import turns
from tests.scenario.memory_control import MemoryControl
from tests.scenario.stage import Node, Scenario

SEG = "/cdn/eu/title1/v720/00001.m4s"
NEXT = "/cdn/eu/title1/v720/00002.m4s"
PAGES = {"path": "/cdn/*/title1/", "cors": ["https://www.example.org"]}


async def until(condition: Callable[[], object]) -> None:
    """Let the loop turn until it holds; the state is written by a thread, so it must turn for real."""
    for _ in range(20_000):
        if condition():
            return
        await turns(1)
        await asyncio.sleep(0)
    raise AssertionError("it never came about")


async def applied(control: MemoryControl, node: Node) -> None:
    """The newest settings of this edge are in force and on its disk."""
    wanted = control.settings_of(node.name)
    await until(lambda: (edge := control.edge(node.name)) and edge.applied.get(SETTINGS) == wanted)


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
    assert e1.edge.crowd.settings.max_connections == 3
    c1.comes_back()
    c1.pushes(["e1"])
    await s.clock.advance(30)
    await applied(c1, e1)
    assert e1.edge.settings.default_ttl == 0.0
