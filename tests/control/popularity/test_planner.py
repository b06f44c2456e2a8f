"""Which titles are hot, where they lie, how much of them."""

import random

from control.popularity.aggregate import Popularity
from control.popularity.planner import (
    FIRST_SEGMENTS,
    HOLD_SECONDS,
    MIN_REQUESTS,
    MIN_SHARE,
    EdgeCapacity,
    HotTitlePlanner,
    changed_edges,
    first_segments,
    order_edges,
    replicas_needed,
    weight_of,
)
from edge.counters import RenditionTallies
from edge.prefetch.popularity import Popularity as AtEdge
from edge.prefetch.segment_index import SegmentIndex
from kernel.fleet.hot_list import HotRow
from kernel.fleet.messages import Popular

EDGES = [EdgeCapacity(f"e{number}", "eu") for number in range(10)]
MANY = MIN_REQUESTS * 10


def seen(*rows: tuple[str, float], region: str = "eu", now: float = 0.0, into: Popularity | None = None) -> Popularity:
    made = into or Popularity()
    made.record_report(
        f"of-{region}-{now}", region, [Popular(name, "v720", taken, MANY, 1000) for name, taken in rows], now
    )
    return made


def holders(lists: dict[str, tuple[HotRow, ...]], title: str) -> list[str]:
    return [edge for edge, rows in lists.items() if any(row.content_id == title for row in rows)]


def test_what_takes_little_is_not_hot_and_nothing_is_where_few_watch():
    plan = HotTitlePlanner()
    lists = plan.plan(seen(("great", 1e6), ("small", 1e6 * MIN_SHARE / 2)), EDGES, 0.0)
    assert holders(lists, "great")
    assert not holders(lists, "small")
    quiet = Popularity()
    quiet.record_report("e", "eu", [Popular("only", "v720", 1e6, MIN_REQUESTS / 2, 1000)], 0.0)
    assert not holders(HotTitlePlanner().plan(quiet, EDGES, 0.0), "only")


def test_replicas_grow_with_popularity_and_bear_the_load():
    assert replicas_needed(0.001, 0.001, 10, rising=False) == 1
    assert replicas_needed(0.5, 0.1, 10, rising=False) == 4
    assert replicas_needed(0.1, 0.5, 10, rising=False) == 5
    assert replicas_needed(1.0, 1.0, 10, rising=False) == 10
    assert replicas_needed(0.001, 0.0, 10, rising=True) == 2
    assert replicas_needed(0.001, 0.0, 1, rising=True) == 1
    for edges in (3, 7, 40):
        for share in (0.01, 0.1, 0.33, 0.9):
            assert share / replicas_needed(share, 0.0, edges, rising=False) <= 1.25 / edges + 1e-9


def test_first_segments_double():
    assert [first_segments(MIN_SHARE * times) for times in (0.5, 1, 2, 5, 64)] == [
        FIRST_SEGMENTS * factor for factor in (1, 1, 2, 4, 64)
    ]


def test_a_title_lies_where_routing_asks_for_it():
    """The first of its order; without one edge only what it held moves."""
    before = {f"t{number}": order_edges(f"t{number}", EDGES) for number in range(200)}
    after = {title: order_edges(title, EDGES[1:]) for title in before}
    assert all([one for one in before[title] if one != "e0"] == after[title] for title in before)
    plan = HotTitlePlanner()
    lists = plan.plan(seen(("a", 3e5), ("b", 7e5)), EDGES, 0.0)
    for title in ("a", "b"):
        count = plan.replicas("eu", title)
        assert sorted(holders(lists, title)) == sorted(order_edges(title, EDGES)[:count])
    assert plan.replicas("eu", "unknown") == 1
    heavy = [EdgeCapacity("big", "eu", weight_of(40 * 10**9)), *EDGES]
    firsts = [order_edges(f"t{number}", heavy)[0] for number in range(500)]
    assert firsts.count("big") > 300
    assert weight_of(0) == 1.0


def test_regions_have_their_own_and_what_the_whole_fleet_watches():
    plan = HotTitlePlanner()
    known = seen(("here", 1e6), ("both", 1e6))
    seen(("there", 1e6), ("both", 1e6), region="us", into=known)
    lists = plan.plan(known, [*EDGES, EdgeCapacity("u1", "us")], 0.0)
    assert {row.content_id for row in lists["u1"]} == {"there", "both", "here"}
    local = next(row for row in lists["u1"] if row.content_id == "there")
    foreign = next(row for row in lists["u1"] if row.content_id == "here")
    assert local.segments > foreign.segments == FIRST_SEGMENTS


def test_lists_do_not_flap():
    """Less is wanted for a moment: nothing changes; for a minute: it shrinks, and in the end is left."""
    plan = HotTitlePlanner()
    full = plan.plan(seen(("a", 9e5), ("b", 1e5)), EDGES, 0.0)
    much = len(holders(full, "a"))
    less = seen(("a", 1e5), ("b", 9e5))
    assert len(holders(plan.plan(less, EDGES, 2.0), "a")) == much
    plan.plan(seen(("a", 9e5), ("b", 1e5)), EDGES, 4.0)
    assert len(holders(plan.plan(less, EDGES, 5.0), "a")) == much
    assert len(holders(plan.plan(less, EDGES, 5.0 + HOLD_SECONDS), "a")) < much
    gone = seen(("b", 1e6))
    assert holders(plan.plan(gone, EDGES, 100.0), "a")
    assert not holders(plan.plan(gone, EDGES, 100.0 + HOLD_SECONDS), "a")
    assert plan.plan(gone, [EdgeCapacity("u", "us")], 200.0) == {
        "u": tuple(row for row in plan.plan(gone, [EdgeCapacity("u", "us")], 200.0)["u"])
    }
    assert plan.hot_renditions("eu") == []


def test_the_order_of_rows_is_no_change():
    one, two = HotRow("a", "v", 4), HotRow("b", "v", 4)
    assert changed_edges({"e": (one, two)}, {"e": (two, one)}) == []
    assert changed_edges({"e": (one,)}, {"e": (two,), "f": (one,)}) == ["e", "f"]


def test_title_with_a_tenth_of_all_requests_is_listed_within_ten_seconds():
    """Twenty edges, 100 titles with stable popularity, whose lists hardly change; then a new title."""
    draw = random.Random(7)
    places = [EdgeCapacity(f"e{number}", "eu") for number in range(20)]
    tallies = {place.id: RenditionTallies() for place in places}
    edges = {name: AtEdge(counted, SegmentIndex()) for name, counted in tallies.items()}
    weights = [1 / (rank + 10) for rank in range(100)]
    known, plan, before, since = Popularity(), HotTitlePlanner(), dict[str, tuple[HotRow, ...]](), 0.0
    flaps = 0
    for step in range(1, 70):
        now, rising = 2.0 * step, step > 60
        for name, edge in edges.items():
            for title in draw.choices(range(100), weights, k=90 if rising else 100):
                tallies[name].record(b"t%d/v720" % title, 1_000_000)
            for _ in range(10 if rising else 0):
                tallies[name].record(b"new/v720", 1_000_000)
            edge.sweep(now)
        for name, edge in edges.items():
            known.record_report(name, "eu", edge.rows(now), now)
        lists = plan.plan(known, places, now)
        flaps += len(changed_edges(before, lists)) if 40 < step <= 60 else 0
        before = lists
        if holders(lists, "new"):
            since = now - 120.0
            break
    assert 0 < since <= 10.0
    assert plan.replicas("eu", "new") >= 2
    assert all(row.urgent for rows in lists.values() for row in rows if row.content_id == "new")
    assert flaps <= 20 * 20 * 0.1
