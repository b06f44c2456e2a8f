"""What one viewer's request fields make of an answer is no other viewer's: collapsed, stored, or in the next minute."""

from __future__ import annotations

import pytest

from tests.scenario.stage import Scenario

SEG = "/cdn/eu/t1/v720/1.m4s"
GENERAL = {"profile": "general"}


async def test_a_made_up_cdn_loop_is_the_loop_of_nobody_else(s: Scenario) -> None:
    """Neither the shield nor who waits for the same fetch hears of it."""
    held, o1 = s.gate(), s.origin("o1")
    s1 = s.shield("s1", upstream=o1)
    e1 = s.edge("e1", upstream=s1)
    o1.expects(SEG, cdn_loop="e1, s1").waits_for(held).answers(200, b"segment", cache_control="max-age=60")
    evil = s.viewer("evil", at=e1).gets(SEG, cdn_loop="s1")
    await e1.until(waiting=1)
    asked = [s.viewer(f"v{n}", at=e1).gets(SEG) for n in range(10)]
    await e1.until(waiting=11)
    held.open()
    assert {(await one).status for one in [evil, *asked]} == {200}


async def test_the_cdn_loop_of_a_trusted_proxy_goes_along(s: Scenario) -> None:
    """RFC 8586 §2: a loop that leads through others is found by any of them."""
    o1 = s.origin("o1")
    e1 = s.edge("e1", upstream=o1, trusted_proxies="127.0.0.0/8", **GENERAL)
    e2 = s.edge("e2", upstream=o1, trusted_proxies="127.0.0.0/8")
    o1.expects("/a", cdn_loop="cdn.example; v=1, e1").answers(200, b"a", cache_control="max-age=60")
    await s.viewer("v", at=e1).gets("/a", cdn_loop="cdn.example; v=1")
    o1.expects(SEG, cdn_loop="cdn.example, e2").answers(200, b"b", cache_control="max-age=60")
    await s.viewer("w", at=e2).gets(SEG, cdn_loop="cdn.example")


async def test_in_general_who_brings_a_cdn_loop_is_answered_alone(s: Scenario) -> None:
    held, o1 = s.gate(), s.origin("o1")
    e1 = s.edge("e1", upstream=o1, **GENERAL)
    o1.expects("/a", cdn_loop="o1, e1").answers(508, b"loop", cache_control="max-age=60")
    o1.expects("/a", cdn_loop="e1").waits_for(held).answers(200, b"a", cache_control="max-age=60")
    asked = [s.viewer(f"v{n}", at=e1).gets("/a") for n in range(5)]
    await e1.until(waiting=5)
    assert (await s.viewer("evil", at=e1).gets("/a", cdn_loop="o1")).status == 508
    held.open()
    assert {(await one).body for one in asked} == {b"a"}


@pytest.mark.parametrize("settings", [{}, GENERAL], ids=["media", "general"])
async def test_a_loop_is_neither_shared_nor_stored(s: Scenario, settings: dict[str, str]) -> None:
    """Who waits asks again, together; who comes after is not sent alone for it."""
    gates, o1 = [s.gate(), s.gate()], s.origin("o1")
    e1 = s.edge("e1", upstream=o1, **settings)
    o1.expects(SEG).waits_for(gates[0]).answers(508, b"loop", cache_control="public, max-age=60")
    o1.expects(SEG).waits_for(gates[1]).answers(200, b"good", cache_control="max-age=60")
    asked = [s.viewer("first", at=e1).gets(SEG)]
    await e1.until(waiting=1)
    asked += [s.viewer(f"v{n}", at=e1).gets(SEG) for n in range(9)]
    await e1.until(waiting=10)
    for gate in gates:
        gate.open()
    assert [(await one).status for one in asked] == [508] + [200] * 9
    assert o1.count(SEG) == 2


@pytest.mark.parametrize("status", [400, 404, 405, 414, 421, 425, 431, 500, 501, 502, 503, 504])
async def test_an_error_by_one_viewer_s_field_is_theirs_alone(s: Scenario, status: int) -> None:
    """CPDoS: an oversized, odd or unwelcome field that goes upstream in `general`. It ends no sharing either."""
    gates, o1 = [s.gate(), s.gate()], s.origin("o1")
    e1 = s.edge("e1", upstream=o1, **GENERAL)
    o1.expects("/a", x_odd="evil").waits_for(gates[0]).answers(status, b"bad")
    evil = s.viewer("evil", at=e1).gets("/a", x_odd="evil")
    await e1.until(waiting=1)
    asked = [s.viewer("first", at=e1).gets("/a")]
    await e1.until(waiting=2)
    gates[0].open()
    shared = status in (404, 405, 414, 501) or status >= 500
    o1.expects("/a").waits_for(gates[1]).answers(200, b"good", cache_control="max-age=60")
    assert (await evil).status == status
    await e1.until(waiting=1)
    if shared:  # those asked again together; others went alone, as they do after any private answer
        asked += [s.viewer(f"v{n}", at=e1).gets("/a") for n in range(5)]
        await e1.until(waiting=6)
    gates[1].open()
    assert {(await one).body for one in asked} == {b"good"}
    assert o1.count("/a") == 2
    o1.expects("/b", x_odd="evil").answers(status, b"bad")
    await s.viewer("evil2", at=e1).gets("/b", x_odd="evil")
    held = s.gate()
    o1.expects("/b").waits_for(held).answers(200, b"good", cache_control="max-age=60")
    asked = [s.viewer(f"w{n}", at=e1).gets("/b") for n in range(5)]
    await e1.until(waiting=5)
    held.open()
    assert {(await one).body for one in asked} == {b"good"}


async def test_a_viewer_who_wants_only_what_is_cached_fails_no_revalidation(s: Scenario) -> None:
    """A cache behind us would answer their only-if-cached by 504, to all who wait for the fetch."""
    o1 = s.origin("o1")
    e1 = s.edge("e1", upstream=o1, **GENERAL)
    o1.expects("/a").answers(200, b"old", cache_control="max-age=1, stale-while-revalidate=60")
    await s.viewer("first", at=e1).gets("/a")
    await s.clock.advance(2)
    o1.expects("/a", cache_control=None).answers(200, b"new", cache_control="max-age=60")
    assert (await s.viewer("evil", at=e1).gets("/a", cache_control="only-if-cached")).body == b"old"
    await e1.until(fills_running=0)
    assert (await s.viewer("next", at=e1).gets("/a")).body == b"new"
