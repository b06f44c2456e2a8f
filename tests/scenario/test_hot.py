"""Hot lists: what rises is on the edges that should hold it, before it is asked for there."""

from __future__ import annotations

from collections.abc import Iterable

from tests.doubles.clock import until
from tests.scenario.memory_control import MemoryControl
from tests.scenario.player import Film, Player
from tests.scenario.stage import Node, Scenario

BEFORE = 20
"""Titles watched since long."""
HOUR, NOON = 3_600, 1_790_035_200.0 + 12 * 3_600


def crowd(node: Node, title: str, requests: int) -> None:
    """Viewers take as many segments at an edge: counted as the edge counts them."""
    assert node.edge is not None
    for _ in range(requests):
        node.edge.counts.renditions.record(title.encode() + b"/v720", 40_000)


async def passes(s: Scenario, control: MemoryControl, edges: Iterable[Node]) -> None:
    """Two seconds pass: each edge reports, and ends the fetches that its list began."""
    before = s.clock.mono()
    await s.clock.advance(2.0)
    await control.hears(before)
    for edge in edges:
        await edge.until(fills_running=0)


async def test_a_title_that_rises_is_on_its_replicas_in_half_a_minute(s: Scenario) -> None:
    """From nothing to a tenth of all requests at one edge: on the list within 10 s, its first segments on all of its
    replicas within 30 s, in the order in which routing asks them; a viewer there gets hits."""
    o1, c1 = s.library("o1"), s.control("c1", default="allow")
    film = Film(o1, "film", {"v720": 4_000}, 60)
    for title in range(BEFORE):
        Film(o1, f"old{title}", {"v720": 400}, 2)
    heat = c1.makes_hot_lists()
    names = [f"e{number}" for number in range(4)]
    edges = {name: s.edge(name, upstream=o1, control=c1, region="eu") for name in names}
    for edge in edges.values():
        await edge.started()
    await until(lambda: all(name in c1.fanout.edges and c1.fanout.edges[name].report for name in names))
    for _ in range(60):
        for edge in edges.values():
            for title in range(BEFORE):
                crowd(edge, f"old{title}", 5)
        await passes(s, c1, edges.values())
        heat.update_lists()
    seconds = 0.0
    listed = 0.0
    while seconds < 30:
        for name, edge in edges.items():
            for title in range(BEFORE):
                crowd(edge, f"old{title}", 5)
            crowd(edge, "film", 45 if name == "e0" else 0)
        await passes(s, c1, edges.values())
        seconds += 2.0
        heat.update_lists()
        if not listed and any(name.content_id == "film" for name, _, _ in heat.planner.hot_renditions("eu")):
            listed = seconds
    assert 0 < listed <= 10
    count = heat.planner.replicas("eu", "film")
    assert count >= 2
    await until(lambda: sum(_holds(edge, film) for edge in edges.values()) == count)
    holding = [name for name, edge in edges.items() if _holds(edge, film)]
    viewer = s.viewer("v", at=edges[holding[0]])
    assert (await viewer.gets(film.path("v720", 0))).cache_status.startswith(f"{holding[0]}; hit")
    assert (await viewer.gets(film.path("v720", 3))).cache_status.startswith(f"{holding[0]}; hit")


def _holds(node: Node, film: Film) -> bool:
    assert node.edge is not None
    keys = [film.path("v720", number).removeprefix("/cdn/eu/").encode() for number in range(4)]
    return all(node.edge.cache.peek(key, {}) is not None for key in keys)


async def test_an_edge_holds_to_its_budget(s: Scenario) -> None:
    """By day, with a window by night, only what rises is fetched; by night the rest; no more than its share."""
    o1, c1 = s.library("o1"), s.control("c1", default="allow")
    film = Film(o1, "film", {"v720": 40_000}, 30)
    rising = Film(o1, "rising", {"v720": 4_000}, 30)
    s.clock.epoch = NOON - s.clock.now
    settings = {"prefetch_window": "01:00-06:00", "timezone": "UTC", "prefetch_disk_share": "0.005"}
    e1 = s.edge("e1", upstream=o1, control=c1, region="eu", **settings)
    await e1.started()
    rows = [
        {"contentId": "film", "rendition": "v720", "segments": 20, "urgent": False},
        {"contentId": "rising", "rendition": "v720", "segments": 2, "urgent": True},
    ]
    assert e1.edge is not None
    ends = e1.edge.prefetch_service.background.ends
    c1.pushes(["e1"], "hot", rows=rows)
    await o1.until(rising.path("v720", 1))
    await s.clock.advance(13 * HOUR - 60)
    await e1.until(fills_running=0)
    assert o1.count(film.path("v720", 0)) == 0
    while "full" not in ends and s.clock.wall() < NOON + 14 * HOUR:
        await s.clock.advance(1.0)  # a step at a time: a clock that runs on would let the fetches time out
        await e1.until(fills_running=0)
    assert ends.get("full", 0) > 0
    assert o1.count(film.path("v720", 0)) == 1
    assert o1.count(film.path("v720", 19)) == 0


async def test_what_nobody_asks_for_is_wasted_and_its_cause_throttled(s: Scenario) -> None:
    """The ledger tells control: by title and cause."""
    o1 = s.library("o1")
    film = Film(o1, "film", {"v720": 4_000}, 3)
    e1 = s.edge("e1", upstream=o1)
    player = Player(e1, s.network)
    await player.asks(film.path("v720", 0), cmcd_request=f'nor="{film.names["v720"][1]}"')
    await e1.until(fills_running=0)
    await s.clock.advance(1000.0)
    assert e1.edge is not None
    (row,) = e1.edge.reporter.report().prefetched
    assert (row.content_id, row.cause, row.useful, row.late) == ("film", "cmcd", 0, 0)
    assert row.wasted > 3000
    player.leaves()
