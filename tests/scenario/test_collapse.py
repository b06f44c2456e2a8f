"""Collapsing: one upstream request a key and alternate, however many ask; nobody is harmed by anybody else."""

from __future__ import annotations

import pytest

from tests.scenario.stage import Scenario

SEG = "/page"
GENERAL = {"profile": "general"}


@pytest.mark.parametrize("how", ["expired", "purged"])
async def test_many_ask_for_what_just_expired_or_was_purged(s: Scenario, how: str) -> None:
    """One request, as for a cold object."""

    held, o1 = s.gate(), s.origin("o1")
    e1 = s.edge("e1", upstream=o1, **GENERAL)
    o1.expects(SEG).answers(200, b"old", cache_control="max-age=5")
    await s.viewer("first", at=e1).gets(SEG)
    assert e1.edge is not None
    if how == "expired":
        await s.clock.advance(6)
    else:
        await e1.purges(everything=True)
    o1.expects(SEG).waits_for(held).answers(200, b"new", cache_control="max-age=5")
    asked = [s.viewer(f"v{n}", at=e1).gets(SEG) for n in range(30)]
    await e1.until(waiting=30)
    held.open()
    assert {(await one).body for one in asked} == {b"new"}


async def test_forty_viewers_of_two_alternates_cost_two_requests(s: Scenario) -> None:
    """Cold: those whom the first answer does not match ask again, together; just expired: from the start."""
    o1 = s.origin("o1")
    e1 = s.edge("e1", upstream=o1, **GENERAL)
    for _ in range(2):
        gates = [s.gate(), s.gate()]
        for language, gate in zip(("de", "fr"), gates, strict=True):
            o1.expects(SEG, accept_language=language).waits_for(gate).answers(
                200, language.encode(), vary="Accept-Language", cache_control="max-age=5"
            )
        asked = [s.viewer(f"v{n}", at=e1).gets(SEG, accept_language=("de", "fr")[n % 2]) for n in range(40)]
        await e1.until(waiting=40)
        for gate in gates:
            gate.open()
        assert [(await one).body for one in asked] == [b"de", b"fr"] * 20
        await s.clock.advance(6)
    assert o1.count(SEG) == 4


async def test_an_error_is_shared_by_all_who_wait(s: Scenario) -> None:
    """Fifty viewers of a failing page are one request."""
    held, o1 = s.gate(), s.origin("o1")
    e1 = s.edge("e1", upstream=o1, **GENERAL)
    o1.expects(SEG).waits_for(held).answers(500, b"sorry")
    asked = [s.viewer(f"v{n}", at=e1).gets(SEG) for n in range(50)]
    await e1.until(waiting=50)
    held.open()
    assert {(await one).status for one in asked} == {500}


async def test_a_hung_leader_holds_nobody_up(s: Scenario) -> None:
    """After three seconds one more request is made for all who wait, however many."""
    hung, o1 = s.gate(), s.origin("o1")
    e1 = s.edge("e1", upstream=o1, **GENERAL)
    o1.expects(SEG).waits_for(hung).answers(200, b"late", cache_control="max-age=60")
    leader = s.viewer("leader", at=e1).gets(SEG)
    await e1.until(waiting=1)
    others = [s.viewer(f"v{n}", at=e1).gets(SEG) for n in range(10)]
    await e1.until(waiting=11)
    o1.expects(SEG).answers(200, b"soon", cache_control="max-age=60")
    await s.clock.advance(3.1)
    assert {(await one).body for one in others} == {b"soon"}
    hung.open()
    assert (await leader).body == b"late"


async def test_how_long_waiters_wait_is_a_setting(s: Scenario) -> None:
    """`--fill-wait 500ms`."""
    hung, o1 = s.gate(), s.origin("o1")
    e1 = s.edge("e1", upstream=o1, fill_wait="500ms", **GENERAL)
    o1.expects(SEG).waits_for(hung).answers(200, b"late", cache_control="max-age=60")
    leader = s.viewer("leader", at=e1).gets(SEG)
    await e1.until(waiting=1)
    other = s.viewer("other", at=e1).gets(SEG)
    await e1.until(waiting=2)
    o1.expects(SEG).answers(200, b"soon", cache_control="max-age=60")
    await s.clock.advance(0.6)
    assert (await other).body == b"soon"
    hung.open()
    assert (await leader).body == b"late"


async def test_a_private_answer_frees_all_at_once_and_collapsing_is_tried_again_later(s: Scenario) -> None:
    """The herd goes in parallel; ten seconds later the next herd collapses again."""
    first, second, o1 = s.gate(), s.gate(), s.origin("o1")
    e1 = s.edge("e1", upstream=o1, **GENERAL)
    o1.expects(SEG).waits_for(first).answers(200, b"mine", cache_control="private")
    leader = s.viewer("leader", at=e1).gets(SEG)
    await e1.until(waiting=1)
    others = [s.viewer(f"v{n}", at=e1).gets(SEG) for n in range(5)]
    await e1.until(waiting=6)
    o1.expects(SEG, times=5).waits_for(second).answers(200, b"theirs", cache_control="private")
    first.open()
    assert (await leader).body == b"mine"
    for _ in range(2000):
        if o1.count(SEG) == 6:
            break
        await s.clock.advance(0)
    assert o1.count(SEG) == 6, "all of them at the same time"
    second.open()
    assert {(await one).body for one in others} == {b"theirs"}
    await s.clock.advance(11)
    third = s.gate()
    o1.expects(SEG).waits_for(third).answers(200, b"public", cache_control="max-age=60")
    again = [s.viewer(f"w{n}", at=e1).gets(SEG) for n in range(5)]
    await e1.until(waiting=5)
    third.open()
    assert {(await one).body for one in again} == {b"public"}


async def test_a_leader_who_leaves_before_the_head_takes_nothing_with_him(s: Scenario) -> None:
    """His fetch is theirs."""
    held, o1 = s.gate(), s.origin("o1")
    e1 = s.edge("e1", upstream=o1, **GENERAL)
    o1.expects(SEG).waits_for(held).answers(200, b"for all", cache_control="max-age=60")
    leader = s.viewer("leader", at=e1)
    gone = leader.gets(SEG)
    await e1.until(waiting=1)
    others = [s.viewer(f"v{n}", at=e1).gets(SEG) for n in range(5)]
    await e1.until(waiting=6)
    leader.leaves()
    await gone
    held.open()
    assert {(await one).body for one in others} == {b"for all"}


async def test_ranges_of_a_running_fill_are_served_from_it(s: Scenario) -> None:
    """One range or several, as soon as their bytes are there."""
    held, o1 = s.gate(), s.origin("o1")
    e1 = s.edge("e1", upstream=o1, **GENERAL)
    body = bytes(range(250)) * 100
    o1.expects(SEG).waits_for(held, after=10_000).answers(200, body, cache_control="max-age=60")
    whole = s.viewer("whole", at=e1).gets(SEG)
    await e1.until(bytes_filled=10_000)
    assert (await s.viewer("one", at=e1).gets(SEG, range="bytes=100-199")).body == body[100:200]
    several = await s.viewer("several", at=e1).gets(SEG, range="bytes=5000-5009,10-19")
    assert several.status == 206
    assert several.headers["content-type"].startswith("multipart/byteranges")
    assert several.body.index(body[10:20]) < several.body.index(body[5000:5010])
    held.open()
    assert (await whole).body == body


async def test_one_revalidation_behind_however_many_ask_for_what_is_stale(s: Scenario) -> None:
    """RFC 5861 §3: all are served at once, the origin is asked once."""
    held, o1 = s.gate(), s.origin("o1")
    e1 = s.edge("e1", upstream=o1, **GENERAL)
    told = "max-age=2, stale-while-revalidate=30"
    o1.expects(SEG).answers(200, b"old", etag='"1"', cache_control=told)
    await s.viewer("first", at=e1).gets(SEG)
    await s.clock.advance(10)
    o1.expects(SEG, if_none_match='"1"').waits_for(held).answers(200, b"new", etag='"2"', cache_control=told)
    assert {(await s.viewer(f"v{n}", at=e1).gets(SEG)).body for n in range(10)} == {b"old"}
    held.open()
    await e1.until(fills_running=0)
    assert (await s.viewer("last", at=e1).gets(SEG)).body == b"new"
