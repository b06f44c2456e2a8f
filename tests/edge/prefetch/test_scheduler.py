"""The runner of prefetches: bounded, the needy first, each a fill like any other."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from edge.prefetch.scheduler import MAX_QUEUE_SECONDS, MAX_QUEUED, MAX_RUNNING, PrefetchRequest
from kernel.fetch_reasons import PrefetchEnd
from tests.edge.ground import Ground, Says, ok, standing

SEG = b"/cdn/eu/film/v720/%d.m4s"


@pytest.fixture
async def ground(tmp_path: Path) -> AsyncIterator[Ground]:
    async with standing(tmp_path, profile="media", prefetch="both") as made:
        yield made


def wish(number: int, cause: str = "next", *, urgent: bool = False) -> PrefetchRequest:
    return PrefetchRequest(SEG % number, cause, "film", None, urgent)


async def test_once_for_each_and_not_what_is_here(ground: Ground) -> None:
    scheduler = ground.edge.prefetch_service.scheduler
    assert scheduler.enqueue(wish(1))
    assert not scheduler.enqueue(wish(1, "cmcd"))
    await ground.until(lambda: not scheduler.running)
    assert not scheduler.enqueue(wish(1))
    assert ground.upstream.asked == ["GET /cdn/eu/film/v720/1.m4s"]
    assert b"\r\nSec-Purpose: prefetch\r\n" in ground.upstream.heads[0]
    assert scheduler.ends == {PrefetchEnd.FETCHED: 1}
    assert scheduler.started["next"] == 1


async def test_what_cannot_be_asked_for_is_refused(ground: Ground) -> None:
    scheduler = ground.edge.prefetch_service.scheduler
    assert not scheduler.enqueue(PrefetchRequest(b"/elsewhere", "next"))
    assert not scheduler.enqueue(PrefetchRequest(b"/cdn/eu/film/../x", "cmcd"))
    assert scheduler.ends == {PrefetchEnd.REFUSED: 2}


async def test_the_needy_come_first_and_the_line_is_bounded(ground: Ground) -> None:
    """While all places are taken by hung fetches, wishes wait in line; those of players in need go before."""
    scheduler = ground.edge.prefetch_service.scheduler
    ground.upstream.default = Says(b"", then="hang")
    for number in range(MAX_RUNNING):
        assert scheduler.enqueue(wish(number))
    assert scheduler.enqueue(wish(1000, "cmcd"))
    assert scheduler.enqueue(wish(1001, "next"))
    assert scheduler.enqueue(wish(1002, "cmcd", urgent=True))
    for number in range(2000, 2000 + MAX_QUEUED - 3):
        assert scheduler.enqueue(wish(number, "cmcd"))
    assert not scheduler.enqueue(wish(9999))
    assert scheduler.ends[PrefetchEnd.DROPPED] == 1
    assert [entry[3].path for entry in sorted(scheduler._queue)[:3]] == [SEG % 1002, SEG % 1001, SEG % 1000]
    await ground.until(lambda: len(ground.upstream.heads) == MAX_RUNNING)
    ground.upstream.default = ok()
    await ground.clock.advance(MAX_QUEUE_SECONDS + 4)
    await ground.until(lambda: not scheduler.running)
    assert scheduler.ends[PrefetchEnd.FAILED] == MAX_RUNNING
    assert scheduler.ends[PrefetchEnd.DROPPED] == 1 + MAX_QUEUED
    assert not scheduler._queued


async def test_what_is_not_kept_is_let_go(ground: Ground) -> None:
    scheduler = ground.edge.prefetch_service.scheduler
    ground.upstream.default = ok(b"x" * 100, b"Cache-Control: private\r\n")
    scheduler.enqueue(wish(1))
    await ground.until(lambda: not scheduler.running)
    assert scheduler.ends == {PrefetchEnd.NOT_CACHEABLE: 1}
    ground.upstream.default = Says(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")
    scheduler.enqueue(wish(2))
    await ground.until(lambda: not scheduler.running)
    assert scheduler.ends == {PrefetchEnd.NOT_CACHEABLE: 2}
    assert not ground.edge.prefetch_service.accounting.watched


async def test_a_stale_one_is_asked_about(ground: Ground) -> None:
    scheduler = ground.edge.prefetch_service.scheduler
    ground.upstream.default = ok(b"x", b'Cache-Control: max-age=5\r\nETag: "a"\r\n')
    scheduler.enqueue(wish(1))
    await ground.until(lambda: not scheduler.running)
    await ground.clock.advance(3600)
    ground.upstream.default = Says(b'HTTP/1.1 304 Not Modified\r\nETag: "a"\r\nCache-Control: max-age=5\r\n\r\n')
    assert scheduler.enqueue(wish(1))
    await ground.until(lambda: not scheduler.running)
    assert scheduler.ends == {PrefetchEnd.FETCHED: 1, PrefetchEnd.ALREADY_CACHED: 1}


async def test_nothing_is_begun_by_an_edge_that_has_too_much_to_do(ground: Ground) -> None:
    scheduler, unhurried = ground.edge.prefetch_service.scheduler, ground.edge.prefetch_service.background
    ground.edge.counts.loop_delay = 1.0
    assert not scheduler.enqueue(wish(1))
    assert scheduler.ends == {PrefetchEnd.OVERLOADED: 1}
    unhurried.enqueue(wish(2, "job"))
    await ground.clock.advance(0.2)
    assert ground.upstream.asked == []
    ground.edge.counts.loop_delay = 0.0
    await ground.clock.advance(1.0)
    await ground.until(lambda: scheduler.ends.get(PrefetchEnd.FETCHED) == 1)


async def test_cleared_it_begins_nothing_more(ground: Ground) -> None:
    scheduler = ground.edge.prefetch_service.scheduler
    scheduler.clear()
    assert scheduler.enqueue(wish(1))
    await ground.until(lambda: not scheduler.running)
