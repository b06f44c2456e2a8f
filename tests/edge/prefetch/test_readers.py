"""Parts of large objects, fetched ahead slice by slice."""

from __future__ import annotations

import os

from edge.prefetch.scheduler import PrefetchRequest
from kernel.fetch_reasons import PrefetchEnd
from tests.scenario.stage import Scenario

K = 65536
FILM = "/cdn/eu/film/all.mp4"
BYTES = os.urandom(10 * K)
FRESH = {"etag": '"a"', "cache_control": "max-age=60"}


def wish(first: int, last: int | None, cause: str = "next") -> PrefetchRequest:
    return PrefetchRequest(FILM.encode(), cause, "film", (first, last))


async def test_the_slices_of_a_part_and_no_others(tcp: Scenario) -> None:
    """Cold, then with some of it here, then all of it here."""
    o1 = tcp.library("o1")
    film = o1.holds(FILM, BYTES, **FRESH)
    e1 = tcp.edge("e1", upstream=o1, slice="64KiB", slice_over="128KiB")
    await e1.started()
    assert e1.edge is not None
    prefetcher = e1.edge.prefetch_service.scheduler
    for first, last in ((2 * K, 4 * K - 1), (3 * K + 5, 5 * K)):
        assert prefetcher.enqueue(wish(first, last))
        await e1.until(fills_running=0)
        assert not prefetcher.enqueue(wish(first, last))
    got = await tcp.viewer("v", at=e1).gets(FILM, range=f"bytes={2 * K}-{6 * K - 1}")
    assert (got.body, got.cache_status) == (BYTES[2 * K : 6 * K], "e1; hit; ttl=60")
    assert film.asked == [f"bytes={2 * K}-{4 * K - 1}", f"bytes={4 * K}-{6 * K - 1}"]
    assert prefetcher.ends == {PrefetchEnd.FETCHED: 2}
    assert e1.edge.prefetch_service.accounting.totals["useful"] > 0


async def test_the_whole_of_a_large_object(tcp: Scenario) -> None:
    """A job fetches all its slices."""
    o1 = tcp.library("o1")
    o1.holds(FILM, BYTES, **FRESH)
    e1 = tcp.edge("e1", upstream=o1, slice="64KiB", slice_over="128KiB")
    await e1.started()
    assert e1.edge is not None
    assert e1.edge.prefetch(FILM)
    await e1.until(objects=11, fills_running=0)
    got = await tcp.viewer("v", at=e1).gets(FILM)
    assert (got.body == BYTES, got.cache_status) == (True, "e1; hit; ttl=60")
    assert e1.edge.counts.bytes_filled == len(BYTES)


async def test_a_part_beyond_the_end(tcp: Scenario) -> None:
    """Nothing comes of it, and nothing is left."""
    o1 = tcp.library("o1")
    o1.holds(FILM, BYTES, **FRESH)
    e1 = tcp.edge("e1", upstream=o1, slice="64KiB", slice_over="128KiB")
    await e1.started()
    assert e1.edge is not None
    prefetcher = e1.edge.prefetch_service.scheduler
    assert prefetcher.enqueue(wish(20 * K, 21 * K))
    await e1.until(fills_running=0)
    assert not prefetcher.running
    assert PrefetchEnd.FETCHED not in prefetcher.ends
