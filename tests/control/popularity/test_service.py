"""Reports in, hot documents out."""

from __future__ import annotations

import json

from control.desired.resources import Desired
from control.fleet.fanout import Edge, Fanout
from control.popularity.service import PLAN_EVERY, SILENT_AFTER, HotTitlesService, region_of
from kernel.fleet.hot_list import parse_hot
from kernel.fleet.messages import HOT, Hello, Popular, Report
from tests.doubles.clock import FakeClock


async def _renew() -> None:
    """No edge is ahead of control here."""


def stage(*edges: Edge) -> tuple[FakeClock, Fanout, HotTitlesService]:
    clock = FakeClock()
    fanout = Fanout(lambda: Desired("e"), _renew, clock)
    fanout.edges |= {edge.hello.id: edge for edge in edges}
    return clock, fanout, HotTitlesService(fanout, clock)


def edge(name: str, role: str = "edge", region: str = "eu,us") -> Edge:
    return Edge(Hello(name, role, region), 0.0, connected=True)


def popular(title: str = "film", taken: float = 1e6) -> Report:
    return Report(2.0, popular=(Popular(title, "v720", taken, 1000.0, 1000),))


def test_what_edges_report_comes_back_as_a_document() -> None:
    _, fanout, heat = stage(edge("e1"), edge("e2"))
    for one in fanout.edges.values():
        fanout.on_report[0](one, popular())
    heat.update_lists()
    document = heat.document(Hello("e1"))
    assert document is not None
    rows = parse_hot(json.loads(document.content))
    assert [row.content_id for row in rows] == ["film"]
    assert fanout.sources[HOT](Hello("e1")) == document
    assert heat.document(Hello("unknown")) is None


def test_nothing_new_is_no_new_version() -> None:
    clock, fanout, heat = stage(edge("e1"))
    heat.record_report(fanout.edges["e1"], popular())
    heat.update_lists()
    before = heat.document(Hello("e1"))
    clock.now += 2.0
    heat.update_lists()
    assert heat.document(Hello("e1")) is before


def test_shields_neither_count_nor_hold() -> None:
    _, fanout, heat = stage(edge("s1", "shield"), edge("e1"))
    heat.record_report(fanout.edges["s1"], popular("misses"))
    heat.record_report(fanout.edges["e1"], popular())
    heat.update_lists()
    assert heat.document(Hello("s1")) is None
    assert [one.content_id for one, _, _ in heat.planner.hot_renditions("eu")] == ["film"]


def test_an_edge_that_is_away_keeps_its_list_until_it_is_forgotten() -> None:
    clock, fanout, heat = stage(edge("e1"), edge("e2"))
    for one in fanout.edges.values():
        heat.record_report(one, popular())
    heat.update_lists()
    before = heat.document(Hello("e2"))
    fanout.edges["e2"].connected = False
    clock.now += SILENT_AFTER
    heat.update_lists()
    assert heat.document(Hello("e2")) is before
    del fanout.edges["e2"]
    heat.update_lists()
    assert heat.document(Hello("e2")) is None


async def test_it_ticks_by_itself() -> None:
    import asyncio
    import contextlib

    clock, fanout, heat = stage(edge("e1"))
    running = asyncio.create_task(heat.run())  # noqa: TID251 (this test owns it)
    heat.record_report(fanout.edges["e1"], popular())
    await clock.advance(0)
    await clock.advance(PLAN_EVERY)
    assert heat.document(Hello("e1")) is not None
    running.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await running


def test_where_an_edge_counts() -> None:
    assert [region_of(Hello("e", region=region)) for region in ("", "eu", "eu,us")] == ["", "eu", "eu"]
