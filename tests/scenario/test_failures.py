"""Failures: a stream once started does not stop because something behind it did."""

from __future__ import annotations

import os

from tests.scenario.stage import Scenario

SEG = "/cdn/eu/title1/v720/00001.m4s"
LIST = "/cdn/eu/title1/master.m3u8"
BYTES = os.urandom(100_000)


async def test_origin_down_with_a_warm_cache(s: Scenario) -> None:
    """Fresh segments are hits; a playlist past its time is served stale within its own stale-if-error."""
    o1 = s.origin("o1")
    e1 = s.edge("e1", upstream=o1)
    o1.expects(SEG).answers(200, BYTES, cache_control="public, max-age=31536000, immutable")
    o1.expects(LIST).answers(200, b"#EXTM3U", etag='"1"', cache_control="max-age=2, stale-if-error=600")
    viewer = s.viewer("v", at=e1)
    await viewer.gets(SEG)
    await viewer.gets(LIST)
    o1.goes_down()
    await s.clock.advance(100)
    assert (await viewer.gets(SEG)).body == BYTES
    stale = await viewer.gets(LIST)
    assert (stale.status, stale.body, stale.age) == (200, b"#EXTM3U", 100)
    assert stale.cache_status == "e1; hit; ttl=-98; detail=upstream-failed"
    await s.clock.advance(600)
    assert (await viewer.gets(LIST)).status == 502


async def test_origin_down_with_a_cold_cache(s: Scenario) -> None:
    """What nobody has is 502, said clearly, and not remembered once the origin is back."""
    o1 = s.origin("o1")
    e1 = s.edge("e1", upstream=o1)
    await e1.started()
    o1.goes_down()
    failed = await s.viewer("v", at=e1).gets(SEG)
    assert (failed.status, failed.reason) == (502, "connect")
    assert failed.cache_status == "e1; fwd=uri-miss; detail=connect"


async def test_must_revalidate_is_never_served_stale(s: Scenario) -> None:
    """RFC 9111 §5.2.2.2: with the origin down the answer is an error, whatever else the response allowed."""
    o1 = s.origin("o1")
    e1 = s.edge("e1", upstream=o1)
    o1.expects(LIST).answers(200, b"#EXTM3U", cache_control="max-age=2, must-revalidate, stale-if-error=600")
    viewer = s.viewer("v", at=e1)
    await viewer.gets(LIST)
    o1.goes_down()
    await s.clock.advance(5)
    assert (await viewer.gets(LIST)).status == 504


async def test_a_hung_origin_is_answered_within_its_limit(s: Scenario) -> None:
    """All who wait get 504 when the first byte is overdue; nobody waits longer than that."""
    held, o1 = s.gate(), s.origin("o1")
    e1 = s.edge("e1", upstream=o1, upstream_first_byte="5s")
    o1.expects(SEG, times=2).waits_for(held).answers(200, BYTES)  # once more after three seconds, for those who wait
    waiting = [s.viewer(f"v{n}", at=e1).gets(SEG) for n in range(3)]
    await e1.until(waiting=3)
    for _ in range(200):
        if o1.asked:
            break
        await s.clock.advance(0)
    await s.clock.advance(5.1)
    assert [(await one).status for one in waiting] == [504] * 3


async def test_a_stale_playlist_is_revalidated(s: Scenario) -> None:
    """A 304 makes it fresh again for everybody who waited."""
    o1 = s.origin("o1")
    e1 = s.edge("e1", upstream=o1)
    o1.expects(LIST).answers(200, b"#EXTM3U", etag='"1"', cache_control="max-age=2")
    viewer = s.viewer("v", at=e1)
    await viewer.gets(LIST)
    await s.clock.advance(3)
    o1.expects(LIST, if_none_match='"1"').answers(304, etag='"1"', cache_control="max-age=2")
    again = await viewer.gets(LIST)
    assert (again.status, again.body, again.cache_status) == (200, b"#EXTM3U", "e1; fwd=stale; fwd-status=304")
    assert (await viewer.gets(LIST)).cache_status == "e1; hit; ttl=2"


async def test_stale_while_revalidate_answers_at_once_and_asks_behind(s: Scenario) -> None:
    """RFC 5861 §3: the viewer does not wait; one revalidation runs; the next viewer gets the new one."""
    o1 = s.origin("o1")
    e1 = s.edge("e1", upstream=o1)
    cache_control = "max-age=2, stale-while-revalidate=30"
    o1.expects(LIST).answers(200, b"old", etag='"1"', cache_control=cache_control)
    viewer = s.viewer("v", at=e1)
    await viewer.gets(LIST)
    await s.clock.advance(10)
    o1.expects(LIST, if_none_match='"1"').answers(200, b"new", etag='"2"', cache_control=cache_control)
    assert (await viewer.gets(LIST)).cache_status == "e1; hit; ttl=-8"
    await e1.until(fills_running=0)
    assert (await viewer.gets(LIST)).body == b"new"


async def test_restart_with_a_warm_disk(s: Scenario) -> None:
    """kill -9 and start again with the origin down: everything stored is served, with its age."""
    o1 = s.origin("o1")
    e1 = s.edge("e1", upstream=o1)
    o1.expects(SEG).answers(200, BYTES, etag='"a"', cache_control="max-age=3600")
    await s.viewer("v", at=e1).gets(SEG)
    await e1.written()
    await e1.is_killed()
    o1.goes_down()
    await s.clock.advance(60)
    back = await s.viewer("v", at=e1).gets(SEG)
    assert (back.body, back.age, back.cache_status) == (BYTES, 60, "e1; hit; ttl=3540")


async def test_a_flipped_bit_on_disk_is_found_and_fetched_again(s: Scenario) -> None:
    """What the disk returns is checked against its sums; a damaged object is a miss, never a wrong hit."""
    o1 = s.origin("o1")
    e1 = s.edge("e1", upstream=o1)
    o1.expects(SEG, times=2).answers(200, BYTES, etag='"a"', cache_control="max-age=3600")
    await s.viewer("v", at=e1).gets(SEG)
    await e1.written()
    await e1.is_killed()
    (file,) = (s.folder / "e1" / "cache" / "objects").glob("*/*")
    raw = bytearray(file.read_bytes())
    raw[-500] ^= 1
    file.write_bytes(raw)
    assert (await s.viewer("v", at=e1).gets(SEG)).body == BYTES
    assert o1.count(SEG) == 2
