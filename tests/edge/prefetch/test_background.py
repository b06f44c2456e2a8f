"""Hot lists and jobs: a few at a time, within the budget, behind all others."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from edge.prefetch.background import HOT_RECHECK_SECONDS, MAX_PARALLEL, PrefetchResult
from edge.prefetch.scheduler import PrefetchRequest
from kernel.fetch_reasons import PrefetchEnd
from kernel.fleet.hot_list import HotRow, hot_document
from tests.doubles.clock import turns
from tests.edge.ground import Ground, Says, ok, standing
from tests.scenario.player import Film
from tests.scenario.stage import Scenario

SEG = b"/cdn/eu/film/v720/%d.m4s"


@pytest.fixture
async def ground(tmp_path: Path) -> AsyncIterator[Ground]:
    async with standing(tmp_path, profile="media", prefetch_rate="1KiB") as made:
        yield made


def job(number: int) -> PrefetchRequest:
    return PrefetchRequest(SEG % number, "job", "film")


async def test_each_prefetch_of_a_job_reports_its_end(ground: Ground) -> None:
    """What came, what was here, what failed; not more at a time than may be."""
    background, results = ground.edge.prefetch_service.background, list[PrefetchResult]()
    ground.upstream.answers["/cdn/eu/film/v720/3.m4s"] = Says(b"HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n")
    for number in (1, 2, 3, 4, 5, 6, 1):
        assert background.enqueue(job(number), lambda _, result: results.append(result))
    await ground.until(lambda: ground.upstream.connections > 0)
    assert len(ground.edge.prefetch_service.scheduler.running) <= MAX_PARALLEL
    await ground.until(lambda: len(results) == 7)
    fetched = [PrefetchEnd.FETCHED] * 5
    assert sorted(one.end for one in results) == [PrefetchEnd.ALREADY_CACHED, *fetched, PrefetchEnd.NOT_CACHEABLE]
    assert sum(one.bytes for one in results) == 25
    assert all(one.is_cached for one in results if one.end is not PrefetchEnd.NOT_CACHEABLE)


async def test_what_is_not_ours_is_refused_at_once(ground: Ground) -> None:
    background = ground.edge.prefetch_service.background
    assert not background.enqueue(PrefetchRequest(b"/x", "job"))
    assert await background.fetch(PrefetchRequest(b"/x", "hot")) == PrefetchResult(PrefetchEnd.REFUSED)


async def test_the_queue_is_bounded(ground: Ground, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edge.prefetch.background.MAX_WAITING", 3)
    background = ground.edge.prefetch_service.background
    assert [background.enqueue(job(number)) for number in range(4)] == [True] * 3 + [False]
    await ground.until(lambda: background.ends.get(PrefetchEnd.FETCHED) == 3)
    assert background.enqueue(job(4))


async def test_the_rate_holds(ground: Ground) -> None:
    """5 KiB at 1 KiB/s, after a burst of two seconds: the rest waits its time."""
    background, results = ground.edge.prefetch_service.background, list[PrefetchResult]()
    ground.upstream.default = ok(b"x" * 1024)
    for number in range(12):
        background.enqueue(job(number), lambda _, result: results.append(result))
    await ground.until(lambda: len(results) >= 2 and not ground.edge.prefetch_service.scheduler.running)
    assert len(results) <= 2 + 2 * MAX_PARALLEL
    for _ in range(20):
        await ground.clock.advance(1.0)
    await ground.until(lambda: not ground.edge.prefetch_service.scheduler.running)
    for _ in range(20):
        await ground.clock.advance(1.0)
    await ground.until(lambda: len(results) == 12)


async def test_nothing_is_fetched_without_room(ground: Ground) -> None:
    background = ground.edge.prefetch_service.background
    background.budget.room = 0
    assert await background.fetch(job(1)) == PrefetchResult(PrefetchEnd.FULL)
    assert ground.upstream.asked == []


async def test_the_first_segments_of_what_is_on_the_list(tcp: Scenario) -> None:
    """Renditions are found in the title's playlists; what has left the cache is refetched; unknown ones are skipped."""
    o1 = tcp.library("o1")
    film = Film(o1, "film", {"v240": 4_000, "v720": 4_000}, 9)
    for name in ("none/master.m3u8", "none/manifest.mpd"):
        o1.expects(f"/cdn/eu/{name}").answers(404)
    o1.expects("/cdn/eu/film/manifest.mpd").answers(404)
    e1 = tcp.edge("e1", upstream=o1, region="eu")
    await e1.started()
    assert e1.edge is not None
    ahead = e1.edge.prefetch_service
    rows = [HotRow("none", "v720", 3), HotRow("film", "v720", 3, urgent=True), HotRow("film", "v9", 3)]
    ahead.apply_hot_list(hot_document(rows))
    assert ahead.hot_list.rows[0].urgent
    while ahead.hot_list.is_running:
        await turns(1)
    assert [o1.count(film.path("v720", number)) for number in range(4)] == [1, 1, 1, 0]
    assert o1.count("/cdn/eu/film/v720/init.mp4") == 1
    assert ahead.metrics()["matinee_edge_hot_rows"] == 3
    (gone,) = e1.edge.cache.stored(film.path("v720", 1).removeprefix("/cdn/eu/").encode())
    e1.edge.cache.forget(gone)
    o1.expects("/cdn/eu/film/manifest.mpd").answers(404)
    for name in ("none/master.m3u8", "none/manifest.mpd"):
        o1.expects(f"/cdn/eu/{name}").answers(404)
    await tcp.clock.advance(HOT_RECHECK_SECONDS + 1)
    while ahead.hot_list.is_running:
        await turns(1)
    assert o1.count(film.path("v720", 1)) == 2
    assert o1.count(film.path("v720", 2)) == 1
    ahead.apply_hot_list({"rows": "nonsense"})
    assert len(ahead.hot_list.rows) == 3
    ahead.apply_hot_list(None)
    assert ahead.hot_list.rows == ()
