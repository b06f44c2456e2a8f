"""Fills: one fetch for everybody, whoever comes and goes."""

from __future__ import annotations

import os

from tests.scenario.stage import Scenario

SEG = "/cdn/eu/title1/v720/00001.m4s"
BYTES = os.urandom(300_000)


async def test_two_viewers_one_fill(s: Scenario) -> None:
    """A cold segment asked for twice at once leaves the origin asked once."""
    held, o1 = s.gate(), s.origin("o1")
    e1 = s.edge("e1", upstream=o1)
    o1.expects(SEG).waits_for(held).answers(200, BYTES, etag='"a"', cache_control="max-age=60")
    first = s.viewer("first", at=e1).gets(SEG)
    await e1.until(waiting=1)
    second = s.viewer("second", at=e1).gets(SEG)
    await e1.until(waiting=2)
    held.open()
    assert (await first).cache_status == "e1; fwd=uri-miss; stored"
    assert (await second).cache_status == "e1; fwd=uri-miss; collapsed"
    assert (await first).body == (await second).body == BYTES


async def test_a_viewer_who_leaves_mid_fill_takes_nothing_with_him(s: Scenario) -> None:
    """The first viewer hangs up half-way; the second, who joined, and a third, who comes later, get it whole."""
    held, o1 = s.gate(), s.origin("o1")
    e1 = s.edge("e1", upstream=o1)
    o1.expects(SEG).waits_for(held, after=100_000).answers(200, BYTES, cache_control="max-age=60")
    leaver = s.viewer("leaver", at=e1)
    left = leaver.gets(SEG)
    await e1.until(bytes_filled=100_000)
    second = s.viewer("second", at=e1).gets(SEG)
    await e1.until(requests=2)
    leaver.leaves()
    assert not (await left).whole
    held.open()
    assert (await second).body == BYTES
    assert (await s.viewer("third", at=e1).gets(SEG)).cache_status == "e1; hit; ttl=60"


async def test_everybody_leaves_and_the_fill_goes_on(s: Scenario) -> None:
    """The fetch belongs to the cache: with nobody waiting any more it is finished and kept."""
    held, o1 = s.gate(), s.origin("o1")
    e1 = s.edge("e1", upstream=o1)
    o1.expects(SEG).waits_for(held, after=10).answers(200, BYTES, cache_control="max-age=60")
    only = s.viewer("only", at=e1)
    gone = only.gets(SEG)
    await e1.until(bytes_filled=10)
    only.leaves()
    await gone
    held.open()
    await e1.until(objects=1)
    assert (await s.viewer("next", at=e1).gets(SEG)).body == BYTES


async def test_a_range_of_a_cold_object_fetches_it_once_and_whole(s: Scenario) -> None:
    """A range asked of a cold object is a 206 of the running fill; the next range is a hit."""
    o1 = s.origin("o1")
    e1 = s.edge("e1", upstream=o1)
    o1.expects(SEG).answers(200, BYTES, etag='"a"', cache_control="max-age=60")
    cold = await s.viewer("v", at=e1).gets(SEG, range="bytes=1000-1999")
    assert (cold.status, cold.body) == (206, BYTES[1000:2000])
    assert cold.headers["content-range"] == f"bytes 1000-1999/{len(BYTES)}"
    warm = await s.viewer("v", at=e1).gets(SEG, range="bytes=-500")
    assert (warm.status, warm.body, warm.cache_status) == (206, BYTES[-500:], "e1; hit; ttl=60")
    beyond = await s.viewer("v", at=e1).gets(SEG, range=f"bytes={len(BYTES)}-")
    assert (beyond.status, beyond.headers["content-range"]) == (416, f"bytes */{len(BYTES)}")


async def test_fifty_viewers_at_two_edges_cost_the_origin_one_get_an_object(s: Scenario) -> None:
    """Two edges behind one shield, a cold title: the origin sees one GET for each object."""
    o1 = s.origin("o1")
    sh = s.shield("sh", upstream=o1)
    edges = [s.edge("e1", upstream=sh), s.edge("e2", upstream=sh)]
    objects = [f"/cdn/eu/title1/v720/{number:05d}.m4s" for number in range(1, 4)]
    for path in objects:
        o1.expects(path).answers(200, path.encode() * 1000, cache_control="max-age=60", surrogate_key="title1")
    got = [s.viewer(f"v{n}", at=edges[n % 2]).gets(path) for n in range(50) for path in objects]
    bodies = {response.body for response in [await one for one in got]}
    assert bodies == {path.encode() * 1000 for path in objects}
    assert [o1.count(path) for path in objects] == [1, 1, 1]


async def test_a_truncated_answer_is_not_stored_and_not_passed_off_as_whole(s: Scenario) -> None:
    """The origin breaks off: the viewer sees the cut, the next one gets a fresh fetch."""
    o1 = s.origin("o1")
    e1 = s.edge("e1", upstream=o1)
    o1.expects(SEG).answers(200, BYTES, cache_control="max-age=60").breaks_after(1000)
    broken = await s.viewer("v", at=e1).gets(SEG)
    assert not broken.whole
    o1.expects(SEG).answers(200, BYTES, cache_control="max-age=60")
    assert (await s.viewer("v", at=e1).gets(SEG)).body == BYTES


async def test_a_private_answer_frees_all_waiters_and_is_remembered(s: Scenario) -> None:
    """An answer that is not for sharing goes to its leader alone; the others ask for themselves, at once."""
    held, o1 = s.gate(), s.origin("o1")
    e1 = s.edge("e1", upstream=o1)
    o1.expects(SEG).waits_for(held).answers(200, b"for one", cache_control="private")
    o1.expects(SEG, times=3).answers(200, b"for another", cache_control="private")
    first = s.viewer("first", at=e1).gets(SEG)
    await e1.until(waiting=1)
    others = [s.viewer(f"v{n}", at=e1).gets(SEG) for n in range(2)]
    await e1.until(waiting=3)
    held.open()
    assert (await first).body == b"for one"
    assert [(await one).body for one in others] == [b"for another"] * 2
    assert (await s.viewer("later", at=e1).gets(SEG)).cache_status == "e1; fwd=bypass"


async def test_a_purge_during_a_fill_keeps_the_old_bytes_out(s: Scenario) -> None:
    """A fill begun before a purge serves those who waited and stores nothing."""

    held, o1 = s.gate(), s.origin("o1")
    e1 = s.edge("e1", upstream=o1)
    o1.expects(SEG).waits_for(held, after=5).answers(200, b"old bytes", cache_control="max-age=60", surrogate_key="t1")
    old = s.viewer("old", at=e1).gets(SEG)
    await e1.until(bytes_filled=5)
    assert e1.edge is not None
    await e1.purges("t1")
    o1.expects(SEG).answers(200, b"new bytes", cache_control="max-age=60", surrogate_key="t1")
    assert (await s.viewer("new", at=e1).gets(SEG)).body == b"new bytes"
    held.open()
    assert (await old).body == b"old bytes"
    assert (await s.viewer("next", at=e1).gets(SEG)).body == b"new bytes"


async def test_a_fetch_for_one_viewer_alone_does_not_bring_purged_bytes_back(s: Scenario) -> None:
    """After a private answer the next viewer goes alone; what he brings may be kept, but not across a purge."""

    held, o1 = s.gate(), s.origin("o1")
    e1 = s.edge("e1", upstream=o1)
    o1.expects(SEG).answers(200, b"for one", cache_control="private")
    await s.viewer("first", at=e1).gets(SEG)
    o1.expects(SEG).waits_for(held, after=3).answers(200, b"old bytes", cache_control="max-age=60")
    old = s.viewer("old", at=e1).gets(SEG)
    await e1.until(bytes_filled=len(b"for one") + 3)
    assert e1.edge is not None
    await e1.purges(everything=True)
    held.open()
    assert (await old).body == b"old bytes"
    o1.expects(SEG).answers(200, b"new bytes", cache_control="max-age=60")
    assert (await s.viewer("new", at=e1).gets(SEG)).body == b"new bytes"


async def test_a_304_asked_for_before_a_soft_purge_does_not_freshen(s: Scenario) -> None:
    """It says what held before the purge: it serves who waited for it, the next request asks anew."""

    held, o1 = s.gate(), s.origin("o1")
    e1 = s.edge("e1", upstream=o1)
    o1.expects(SEG).answers(200, b"old", etag='"a"', cache_control="max-age=1")
    await s.viewer("first", at=e1).gets(SEG)
    await s.clock.advance(2)
    o1.expects(SEG, if_none_match='"a"').waits_for(held).answers(304, etag='"a"', cache_control="max-age=60")
    waiting = s.viewer("second", at=e1).gets(SEG)
    await e1.until(waiting=1)
    assert e1.edge is not None
    await e1.purges(everything=True, soft=True)
    held.open()
    assert (await waiting).body == b"old"
    o1.expects(SEG, if_none_match='"a"').answers(200, b"new", etag='"b"', cache_control="max-age=60")
    assert (await s.viewer("third", at=e1).gets(SEG)).body == b"new"


async def test_a_viewers_own_fields_keep_no_answer_from_the_others(s: Scenario) -> None:
    """His token and his `no-store` end at the edge: what he brings in is kept for everybody."""
    o1 = s.origin("o1")
    e1 = s.edge("e1", upstream=o1)
    o1.expects(SEG).answers(200, BYTES, cache_control="max-age=60")
    await s.viewer("first", at=e1).gets(SEG, authorization="Basic eA==", cache_control="no-store")
    assert (await s.viewer("second", at=e1).gets(SEG)).cache_status == "e1; hit; ttl=60"


async def test_a_304_without_a_date_is_as_fresh_as_one_with(s: Scenario) -> None:
    """The Date of what was stored says nothing of a 304 that came later, here and at the next cache."""
    o1 = s.origin("o1")
    sh = s.shield("sh", upstream=o1)
    e1 = s.edge("e1", upstream=sh)
    o1.expects(SEG).answers(200, b"x", etag='"a"', cache_control="max-age=5")
    await s.viewer("v", at=e1).gets(SEG)
    await s.clock.advance(20)
    o1.expects(SEG, if_none_match='"a"').answers(304, etag='"a"', cache_control="max-age=5", Date=None)
    assert (await s.viewer("v", at=e1).gets(SEG)).cache_status.endswith("e1; fwd=stale; fwd-status=304")
    assert (await s.viewer("v", at=e1).gets(SEG)).cache_status.endswith("e1; hit; ttl=5")
