"""Set-Cookie: whose answer brought it has it; nobody else, however they come by the response."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.doubles.response import read_responses
from tests.edge.ground import RawUpstream, ok, standing
from tests.edge.process import edge_process
from tests.scenario.stage import Scenario

FRESH = {"set_cookie": "id=first", "cache_control": "max-age=60"}


@pytest.mark.parametrize("cache_control", ["max-age=60", "max-age=0", "public", "no-cache"])
async def test_a_cookie_is_not_shared_with_those_who_wait(s: Scenario, cache_control: str) -> None:
    """Kept, or only shared because it is stale already."""
    held, o1 = s.gate(), s.origin("o1")
    e1 = s.edge("e1", upstream=o1, profile="general")
    o1.expects("/a").waits_for(held).answers(200, b"a", set_cookie="id=first", cache_control=cache_control)
    asked = [s.viewer("first", at=e1).gets("/a")]
    await e1.until(waiting=1)
    asked += [s.viewer(f"v{n}", at=e1).gets("/a") for n in range(5)]
    await e1.until(waiting=6)
    held.open()
    assert [(await one).headers.get("set-cookie") for one in asked] == ["id=first"] + [None] * 5


async def test_two_tiers_hand_a_cookie_to_one_viewer(s: Scenario) -> None:
    o1 = s.origin("o1")
    e1 = s.edge("e1", upstream=s.shield("s1", upstream=o1, profile="general"), profile="general")
    o1.expects("/a").answers(200, b"a", **FRESH)
    found = [(await s.viewer(f"v{n}", at=e1).gets("/a")).headers.get("set-cookie") for n in range(2)]
    assert e1.edge is not None
    await e1.purges(everything=True)
    found.append((await s.viewer("later", at=e1).gets("/a")).headers.get("set-cookie"))
    assert found == ["id=first", None, None]


async def test_an_early_hint_hands_no_cookie_around(tmp_path: Path) -> None:
    async with standing(tmp_path, profile="general") as ground:
        ground.upstream.default = ok()
        ground.upstream.default.data = b"HTTP/1.1 103 Early Hints\r\nSet-Cookie: a=b\r\n\r\n" + ok().data
        got = await ground.sends(b"GET /a HTTP/1.1\r\nHost: h\r\n\r\n")
        assert b"103 Early Hints" in got
        assert b"Set-Cookie" not in got


@pytest.mark.parametrize("size", [5, 300_000], ids=["whole", "sliced"])
async def test_the_first_viewer_gets_the_cookie_of_large_objects_too(tmp_path: Path, size: int) -> None:
    async with standing(tmp_path, profile="general", slice="64KiB", slice_over="128KiB") as ground:
        ground.upstream.default = ok(b"x" * size, b'ETag: "a"\r\nCache-Control: max-age=60\r\nSet-Cookie: id=first\r\n')
        found = [await ground.gets("/a") for _ in range(3)]
        assert [one.headers.get("set-cookie") for one in found] == ["id=first", None, None]
        assert all(len(one.body) == size for one in found)


async def test_a_route_has_its_own_word(tmp_path: Path) -> None:
    routes = [{"path": "/keep/", "set-cookie": "keep"}, {"path": "/pass/", "set-cookie": "pass"}]
    async with standing(tmp_path, profile="general", routes=routes, set_cookie="pass") as ground:
        ground.upstream.default = ok(b"a", b"Cache-Control: max-age=60\r\nSet-Cookie: a=b\r\n")
        for path, times in {"/keep/a": 1, "/pass/a": 2, "/a": 2}.items():
            before = len(ground.upstream.asked)
            found = [(await ground.gets(path)).headers.get("set-cookie") for _ in range(2)]
            assert (found, len(ground.upstream.asked) - before) == (["a=b", "a=b"], times)


@pytest.mark.parametrize(("word", "second"), [("strip", None), ("keep", "id=first"), ("pass", "id=first")])
async def test_a_real_edge_keeps_cookies_as_it_is_told(tmp_path: Path, word: str, second: str | None) -> None:
    upstream = RawUpstream()
    await upstream.start()
    try:
        upstream.default = ok(b"a", b"Cache-Control: max-age=60\r\nSet-Cookie: id=first\r\n")
        with edge_process(tmp_path, upstream.port, profile="general", set_cookie=word) as edge:
            found = [
                read_responses(await asyncio.to_thread(edge.gets, "/a"))[0].headers.get("set-cookie") for _ in range(2)
            ]
        assert found == ["id=first", second]
        assert len(upstream.asked) == (2 if word == "pass" else 1)
    finally:
        upstream.stop()
