"""Edges asked of control, within bounds, and known without it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

import pytest

from kernel.errors import Overloaded, UpstreamFailed
from kernel.fetch_reasons import UpstreamReason
from services.counters import Counters
from services.playback.routing.edges import (
    ANSWER_CACHE_SECONDS,
    BUCKETS,
    CONTROL_BACKOFF_SECONDS,
    MAX_CONCURRENT_QUERIES,
    EdgeFinder,
    bucket_of,
    edges_for,
)

BASES = ("http://127.0.0.1:8081", "http://127.0.0.2:8081")


@dataclass
class Edge:
    address: str
    why: str = "good: home"


@dataclass
class Answer:
    edges: list[Edge]
    ttl: float = 10.0


class Control:
    """Answers as the test says, and remembers what it was asked."""

    def __init__(self):
        self.asked = []
        self.answers = Answer([Edge("127.0.0.2:8081"), Edge("127.0.0.9:9", "busy: near")])
        self.fails = None
        self.held = None

    async def route(self, content_id, **more):
        self.asked.append((content_id, more["country"], more["session"]))
        if self.held is not None:
            await self.held.wait()
        if self.fails:
            raise self.fails
        return self.answers


@pytest.fixture
def control():
    return Control()


@pytest.fixture
def finder(control, clock):
    return EdgeFinder(control, BASES, "eu", clock, Counters())


async def test_controls_order_counts_and_is_remembered_for_a_moment(finder, control, clock):
    found = await finder.find_edges("film", "DE", "5")
    assert [(one.id, one.base, one.is_healthy) for one in found.pathways] == [
        ("127.0.0.2-8081", BASES[1], True),
        ("127.0.0.9-9", "http://127.0.0.9:9", False),
    ]
    assert found.all_healthy
    assert await finder.find_edges("film", "DE", "5") is found
    assert control.asked == [("film", "DE", "5")]
    clock.now += ANSWER_CACHE_SECONDS + 0.1
    control.answers = Answer(control.answers.edges, ttl=3.0)
    assert not (await finder.find_edges("film", "DE", "5")).all_healthy
    await finder.find_edges("film", None, "5")
    assert control.asked[1:] == [("film", "DE", "5"), ("film", "", "5")]


@pytest.mark.parametrize("fails", [UpstreamFailed(UpstreamReason.CONTROL_UNREACHABLE), TimeoutError()])
async def test_without_control_the_configured_edges_are_named_and_it_is_left_alone_for_a_while(
    finder, control, clock, fails
):
    control.fails = fails
    found = await finder.find_edges("film", "DE", "5")
    assert {one.base for one in found.pathways} == set(BASES)
    await finder.find_edges("other", "DE", "5")
    assert len(control.asked) == 1
    clock.now += CONTROL_BACKOFF_SECONDS + 0.1
    control.fails = None
    assert len((await finder.find_edges("film", "DE", "5")).pathways) == 2
    assert len(control.asked) == 2


async def test_an_edge_is_named_alike_with_and_without_control(control, clock):
    with_it = {
        one.id for one in (await EdgeFinder(control, BASES, "eu", clock, Counters()).find_edges("f", "", "1")).pathways
    }
    without = {
        one.id for one in (await EdgeFinder(None, BASES, "eu", clock, Counters()).find_edges("f", "", "1")).pathways
    }
    assert with_it & without == {"127.0.0.2-8081"}


async def test_a_control_that_hangs_is_waited_for_a_moment_only(finder, control):
    control.held = asyncio.Event()
    found = await asyncio.wait_for(finder.find_edges("film", "DE", "5"), 5)
    assert {one.base for one in found.pathways} == set(BASES)


async def test_a_control_that_knows_no_edge_is_no_control(finder, control):
    control.answers = Answer([])
    assert len((await finder.find_edges("film", "DE", "5")).pathways) == 2


async def test_so_many_ask_at_once_and_no_more(finder, control):
    control.held = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        for number in range(MAX_CONCURRENT_QUERIES):
            group.create_task(finder.find_edges(f"film-{number}", "DE", "5"))
        while len(control.asked) < MAX_CONCURRENT_QUERIES:
            await asyncio.sleep(0)
        with pytest.raises(Overloaded):
            await finder.find_edges("one-more", "DE", "5")
        control.held.set()


def test_viewers_fall_into_buckets():
    found = {bucket_of(f"session-{number}") for number in range(2_000)}
    assert found == {str(number) for number in range(BUCKETS)}


def test_sessions_spread_over_the_edges_and_stay():
    named = ["http://a", "http://b"]
    firsts = [edges_for(f"s{n}", named)[0] for n in range(200)]
    assert 60 < firsts.count("http://a") < 140
    assert edges_for("s1", named) == edges_for("s1", named[::-1])
