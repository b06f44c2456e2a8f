"""No news of what is stale: it is served at once meanwhile, it is asked for with pauses."""

from __future__ import annotations

import pytest

from tests.scenario.stage import Scenario

LIST = "/cdn/eu/title1/master.m3u8"
GENERAL = {"profile": "general"}
SIE = {"etag": '"1"', "cache_control": "max-age=2, stale-if-error=6000"}
SWR = {"etag": '"1"', "cache_control": "max-age=2, stale-while-revalidate=6000"}


async def test_a_hung_origin_costs_one_viewer_a_short_wait(s: Scenario) -> None:
    """Whoever asks first waits `stale_wait`; the others do not, while the question is open and after it failed."""
    o1, held = s.library("o1"), s.gate()
    playlist = o1.holds(LIST, b"#EXTM3U", **SIE)
    e1 = s.edge("e1", upstream=o1, stale_wait="1s", upstream_first_byte="10s")
    viewer = s.viewer("v", at=e1)
    await viewer.gets(LIST)
    await s.clock.advance(10)
    playlist.waits_for(held)
    first = viewer.gets(LIST)
    joined = s.viewer("w", at=e1).gets(LIST)
    await e1.until(waiting=2)
    await s.clock.advance(1)
    for one in (first, joined):
        assert ((await one).body, (await one).cache_status) == (b"#EXTM3U", "e1; hit; ttl=-9; detail=upstream-late")
    assert (await viewer.gets(LIST)).cache_status == "e1; hit; ttl=-9; detail=upstream-late"
    await s.clock.advance(9.5)
    await e1.until(fills_running=0)
    assert (await viewer.gets(LIST)).cache_status == "e1; hit; ttl=-18; detail=upstream-failed"
    assert len(playlist.asked) == 2
    e1.counts(waiting=0)
    held.open()


@pytest.mark.parametrize("window", [SIE, SWR], ids=["stale-if-error", "stale-while-revalidate"])
@pytest.mark.parametrize("how", ["503", "refused"])
async def test_failing_revalidations_are_made_by_longer_and_longer_pauses(
    s: Scenario, how: str, window: dict[str, str]
) -> None:
    """A hundred stale hits within two minutes ask a dozen times; when the origin is back, half a minute is enough."""
    o1 = s.library("o1")
    playlist = o1.holds(LIST, b"#EXTM3U", **window)
    e1 = s.edge("e1", upstream=o1)
    viewer = s.viewer("v", at=e1)
    await viewer.gets(LIST)
    await s.clock.advance(10)
    assert e1.edge is not None
    if how == "503":
        playlist.status = 503
    else:
        o1.goes_down()
    connects = e1.edge.upstreams.connects
    for _ in range(100):
        got = await viewer.gets(LIST)
        assert (got.status, got.body) == (200, b"#EXTM3U")
        await e1.until(fills_running=0)
        await s.clock.advance(1.2)
    assert got.cache_status.endswith("; detail=upstream-failed")
    asked = len(playlist.asked) - 1 if how == "503" else e1.edge.upstreams.connects - connects
    assert 2 <= asked <= 12
    if how == "refused":
        return
    playlist.status = None
    playlist.body, playlist.fields["etag"] = b"#EXTM3U new", '"2"'
    await s.clock.advance(30)
    await viewer.gets(LIST)
    await e1.until(fills_running=0)
    assert (await viewer.gets(LIST)).cache_status == "e1; hit; ttl=2"
    assert (await viewer.gets(LIST)).body == b"#EXTM3U new"


async def test_one_object_has_one_revalidation_at_a_time(s: Scenario) -> None:
    """However many stale hits there are while it is open."""
    o1, held = s.library("o1"), s.gate()
    playlist = o1.holds(LIST, b"#EXTM3U", **SWR)
    e1 = s.edge("e1", upstream=o1)
    viewer = s.viewer("v", at=e1)
    await viewer.gets(LIST)
    await s.clock.advance(5)
    playlist.waits_for(held)
    for _ in range(20):
        assert (await viewer.gets(LIST)).body == b"#EXTM3U"
        await s.clock.advance(0.4)
    await e1.until(fills_running=1)
    assert len(playlist.asked) == 2
    held.open()
    await e1.until(fills_running=0)


async def test_what_must_not_be_used_stale_waits_for_the_answer(s: Scenario) -> None:
    """must-revalidate and an ended window: the pause of a failed revalidation makes no difference."""
    o1 = s.library("o1")
    playlist = o1.holds(LIST, b"#EXTM3U", etag='"1"', cache_control="max-age=2, must-revalidate, stale-if-error=600")
    e1 = s.edge("e1", upstream=o1)
    viewer = s.viewer("v", at=e1)
    await viewer.gets(LIST)
    await s.clock.advance(5)
    playlist.status = 503
    assert (await viewer.gets(LIST)).status == 503
    playlist.status = None
    assert (await viewer.gets(LIST)).cache_status == "e1; fwd=stale; fwd-status=304"


async def test_a_head_of_what_is_stale_waits_no_longer_than_a_get(s: Scenario) -> None:
    """Of a resource whose HEAD goes upstream as what it is."""
    o1 = s.library("o1")
    page = o1.holds("/a", b"page", **SIE)
    e1 = s.edge("e1", upstream=o1, **GENERAL)
    viewer = s.viewer("v", at=e1)
    await viewer.gets("/a")
    await s.clock.advance(10)
    page.status = 503
    assert (await viewer.gets("/a")).body == b"page"
    asked = len(page.asked)
    head = await viewer.gets("/a", method="HEAD")
    assert (head.status, head.cache_status) == (200, "e1; hit; ttl=-8; detail=upstream-failed")
    assert len(page.asked) == asked
