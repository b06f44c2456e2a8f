"""Which edges, in which order, and why."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest

from control.routing.health import Standing, Verdict
from control.routing.ranking import TTL, TTL_IN_TROUBLE, CandidateEdge, RouteQuery, nearby_regions, rank_edges
from kernel.upstreams.rendezvous import Candidate, order

GOOD = Verdict(Standing.GOOD)
EU = [CandidateEdge(f"e{number}", f"10.0.0.{number}:80", ("eu",), GOOD) for number in range(1, 9)]
US = [CandidateEdge(f"u{number}", f"10.1.0.{number}:80", ("us",), GOOD) for number in range(1, 4)]
AP = [CandidateEdge("a1", "10.2.0.1:80", ("ap",), GOOD)]
EVERYWHERE = CandidateEdge("x1", "10.3.0.1:80", (), GOOD)
ASK = RouteQuery("film", region="eu", session="7", most=16)
REGIONS = ("eu", "us")


def named(ask: RouteQuery = ASK, places=(*EU, *US, *AP), regions=REGIONS, replicas: int = 1) -> list[str]:
    return [choice.id for choice in rank_edges(ask, places, regions, replicas).edges]


def with_standing(place: CandidateEdge, standing: Standing, why: str = "") -> CandidateEdge:
    return replace(place, verdict=Verdict(standing, why))


def changed(*wanted: CandidateEdge) -> list[CandidateEdge]:
    by_id = {place.id: place for place in wanted}
    return [by_id.get(place.id, place) for place in (*EU, *US, *AP)]


def test_home_first_then_neighbours_then_anybody():
    assert [name[0] for name in named()] == ["e"] * 8 + ["u"] * 3 + ["a"]
    assert named(places=[EVERYWHERE, *US])[0] == "x1", "an edge without region is at home everywhere"


def test_a_title_has_its_edge_whoever_asks_and_in_whatever_order_edges_are_known():
    first = named()
    assert named(places=[*reversed(EU), *AP, *US]) == first
    assert named(replace(ASK, session="other", country="FR")) == first
    tops = Counter(named(replace(ASK, content_id=f"film-{number}"))[0] for number in range(400))
    assert len(tops) == 8
    assert max(tops.values()) < 100, "titles spread over the region"


def test_without_one_edge_only_its_titles_move():
    gone = EU[2]
    for number in range(100):
        ask = replace(ASK, content_id=f"film-{number}")
        before = named(ask)
        after = named(ask, places=[place for place in (*EU, *US) if place != gone])
        assert after[:7] == [name for name in before if name[0] == "e" and name != gone.id]


def test_a_hot_title_is_where_it_was_placed_and_sessions_spread_over_that():
    """The same order as hot lists are placed by."""
    loads = [Candidate(place.id.encode(), 1.0, 0) for place in EU]
    placed = {EU[index].id for index in order(b"film", loads)[:3]}
    firsts = Counter(named(replace(ASK, session=str(number)), replicas=3)[0] for number in range(200))
    assert set(firsts) == placed
    assert min(firsts.values()) > 30
    for number in range(20):
        ask = replace(ASK, session=str(number))
        assert named(ask, replicas=3) == named(ask, replicas=3)
        assert set(named(ask, replicas=3)[:3]) == placed


def test_load_is_bounded_at_a_quarter_above_the_mean():
    first, second = named()[:2]
    loaded = [replace(place, running=200 if place.id == first else 100) for place in EU]
    routed = rank_edges(ASK, loaded, REGIONS)
    assert routed.edges[0].id == second
    assert routed.edges[-1].id == first
    assert "over its bound with 200 connections" in routed.edges[-1].why
    within = [replace(place, running=110 if place.id == first else 100) for place in EU]
    assert rank_edges(ASK, within, REGIONS).edges[0].id == first


@pytest.mark.parametrize("standing", [Standing.BUSY, Standing.DOUBTED])
def test_whoever_is_in_trouble_comes_after_all_that_are_well(standing):
    first = named()[0]
    place = next(place for place in EU if place.id == first)
    routed = rank_edges(ASK, changed(with_standing(place, standing, "so")), REGIONS)
    assert routed.edges[-1].id == first
    assert routed.edges[-1].why.startswith(f"{standing.value}: home, ")
    assert routed.edges[-1].why.endswith("so")
    assert routed.ttl == TTL_IN_TROUBLE


@pytest.mark.parametrize("standing", [Standing.DRAINING, Standing.NOT_READY, Standing.EJECTED, Standing.GONE])
def test_whoever_is_out_is_passed_over_and_it_is_said_why(standing):
    first = named()[0]
    place = next(place for place in EU if place.id == first)
    routed = rank_edges(ASK, changed(with_standing(place, standing, "so")), REGIONS)
    assert first not in [choice.id for choice in routed.edges]
    assert [(one.id, one.why) for one in routed.passed] == [(first, f"{standing.value}: so")]


def test_with_nobody_left_the_ejected_are_named_before_the_gone_and_these_before_none():
    ejected, gone, drained = (
        with_standing(place, standing)
        for place, standing in zip(EU, (Standing.EJECTED, Standing.GONE, Standing.DRAINING), strict=False)
    )
    assert named(places=[ejected, gone, drained]) == [ejected.id]
    assert named(places=[gone, drained]) == [gone.id]
    assert named(places=[drained]) == [drained.id]
    assert named(places=[]) == []


def test_edges_that_failed_the_session_are_left_out_unless_they_are_all():
    everybody = named(places=EU)
    assert named(replace(ASK, without=frozenset(everybody[:2])), places=EU) == everybody[2:]
    assert named(replace(ASK, without=frozenset(everybody)), places=EU) == everybody


def test_a_slow_start_takes_its_share_of_titles():
    returning = replace(EU[0], verdict=Verdict(Standing.RETURNING, "30% of its share", 0.3))
    asks = [replace(ASK, content_id=f"film-{number}") for number in range(400)]
    usual = [ask for ask in asks if named(ask)[0] == "e1"]
    now = [ask for ask in usual if named(ask, places=changed(returning))[0] == "e1"]
    assert 0 < len(now) < 0.6 * len(usual)
    slow = rank_edges(next(ask for ask in usual if ask not in now), changed(returning), REGIONS)
    assert "slow start" in next(choice.why for choice in slow.edges if choice.id == "e1")


def test_capacity_weighs():
    tops = Counter(
        named(replace(ASK, content_id=f"film-{number}"), places=[EU[0], replace(EU[1], weight=4.0)])[0]
        for number in range(400)
    )
    assert 0.7 < tops["e2"] / 400 < 0.9


def test_as_many_as_asked_for():
    assert len(named(replace(ASK, most=2))) == 2
    assert len(named(replace(ASK, most=0))) == 12
    assert rank_edges(ASK, EU, REGIONS).ttl == TTL


NEAR = {"eu": ("us", "ap"), "CH": ("eu", "af"), "us": ("eu",)}


@pytest.mark.parametrize(
    ("region", "country", "regions"),
    [
        ("eu", "", ("eu", "us", "ap")),
        ("eu", "CH", ("eu", "af", "us", "ap")),
        ("", "CH", ("eu", "af", "us", "ap")),
        ("af", "", ("af",)),
        ("", "", ()),
    ],
)
def test_where_to_look(region, country, regions):
    assert nearby_regions(region, country, NEAR) == regions


def test_who_says_no_region_is_at_home_everywhere():
    assert {choice.why.split(", ")[0] for choice in rank_edges(replace(ASK, region=""), [*EU, *US], ()).edges} == {
        "good: home"
    }
