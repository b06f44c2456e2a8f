"""Upstreams: who is asked, for how long, and what never passes for an answer."""

from __future__ import annotations

import os

import pytest

from tests.doubles.clock import until
from tests.scenario.origin import Origin
from tests.scenario.stage import Node, Scenario

FOLDER = "/cdn/eu/title1/v720/"
SEG = FOLDER + "00001.m4s"
SHARD = b"title1/v720"
BYTES = os.urandom(50_000)
FRESH = "max-age=3600"


async def ranked(edge: Node, *origins: Origin) -> list[Origin]:
    """The origins in the order in which an edge asks for a rendition."""
    await edge.started()
    assert edge.edge is not None
    order = [upstream.address for upstream in edge.edge.upstreams.order_for(SHARD)]
    places = {await origin.started(): origin for origin in origins}
    return [places[address] for address in order]


async def test_a_renditions_segments_stay_with_one_shield(s: Scenario) -> None:
    """What is kept once in all of the fleet serves every edge: both edges ask the same shield."""
    o1 = s.origin("o1")
    s1, s2 = s.shield("s1", upstream=o1), s.shield("s2", upstream=o1)
    for number in range(6):
        o1.expects(f"{FOLDER}{number}.m4s").answers(200, BYTES, cache_control=FRESH)
    for name in ("e1", "e2"):
        viewer = s.viewer(name, at=s.edge(name, upstream=[s1, s2]))
        for number in range(6):
            assert (await viewer.gets(f"{FOLDER}{number}.m4s")).body == BYTES
    assert sorted(shield.edge.stats()["requests"] for shield in (s1, s2) if shield.edge) == [0, 12]


async def test_a_shield_that_dies_is_not_noticed(s: Scenario) -> None:
    """Refused connections go to the next shield at once, however many there are."""
    o1 = s.origin("o1")
    shields = [s.shield(name, upstream=o1) for name in ("s1", "s2", "s3")]
    e1 = s.edge("e1", upstream=shields)
    await e1.started()
    await shields[0].is_killed()
    shields[0].started = shields[1].started  # type: ignore[method-assign]  # it stays dead
    viewer = s.viewer("v", at=e1)
    for number in range(30):
        path = f"/cdn/eu/title{number}/v720/1.m4s"
        o1.expects(path).answers(200, b"x", cache_control=FRESH)
        assert (await viewer.gets(path)).status == 200


async def test_a_shield_in_trouble_is_left_out_and_comes_back(s: Scenario) -> None:
    """Each 503 is asked of the other one; after five nobody asks in vain; after half a minute one request tries."""
    o1, o2 = s.origin("o1"), s.origin("o2")
    e1 = s.edge("e1", upstream=[o1, o2])
    viewer = s.viewer("v", at=e1)
    bad, good = await ranked(e1, o1, o2)
    for number in range(7):
        path = f"{FOLDER}{number}.m4s"
        if number < 5:
            bad.expects(path).answers(503)
        good.expects(path).answers(200, BYTES, cache_control=FRESH)
        assert (await viewer.gets(path)).body == BYTES
    await s.clock.advance(31)
    bad.expects(SEG).answers(200, BYTES, cache_control=FRESH)
    assert (await viewer.gets(SEG)).body == BYTES


async def test_a_gateway_error_that_both_give_is_passed_on(s: Scenario) -> None:
    o1, o2 = s.origin("o1"), s.origin("o2")
    e1 = s.edge("e1", upstream=[o1, o2])
    for origin in (o1, o2):
        origin.expects(SEG).answers(503, b"busy")
    got = await s.viewer("v", at=e1).gets(SEG)
    assert (got.status, got.body) == (503, b"busy")


@pytest.mark.parametrize(
    ("limit", "sent", "reason"), [("first_byte", None, "first-byte-timeout"), ("idle", 10_000, "idle-timeout")]
)
async def test_a_hung_origin_is_given_up_at_its_limit(s: Scenario, limit: str, sent: int | None, reason: str) -> None:
    """A head that does not come is 504 to all; a body that stops is cut, and nothing of it is kept."""
    held, o1 = s.gate(), s.origin("o1")
    e1 = s.edge("e1", upstream=o1, **{f"upstream_{limit}": "5s"})
    o1.expects(SEG).waits_for(held, after=sent).answers(200, BYTES, cache_control=FRESH)
    viewer = s.viewer("v", at=e1)
    asked = viewer.gets(SEG)
    await o1.until(SEG)
    if sent:
        await e1.until(bytes_filled=sent)
    await s.clock.advance(4.9)
    assert not asked.done()
    await s.clock.advance(0.1)
    got = await asked
    assert (got.status, got.reason) == (504, reason) if sent is None else not got.whole
    o1.expects(SEG).answers(200, BYTES, cache_control=FRESH)
    assert (await viewer.gets(SEG)).body == BYTES


async def test_a_truncated_answer_is_cut_and_not_kept(s: Scenario) -> None:
    o1 = s.origin("o1")
    viewer = s.viewer("v", at=s.edge("e1", upstream=o1))
    o1.expects(SEG).answers(200, BYTES, cache_control=FRESH).breaks_after(10_000)
    cut = await viewer.gets(SEG)
    assert (cut.whole, cut.body) == (False, BYTES[: len(cut.body)])
    o1.expects(SEG).answers(200, BYTES, cache_control=FRESH)
    assert (await viewer.gets(SEG)).body == BYTES
    assert (await viewer.gets(SEG)).cache_status.startswith("e1; hit")


@pytest.mark.parametrize(
    "headers",
    [
        {"Content_Length": "5, 6"},
        {"Content_Length": "-1"},
        {"Transfer_Encoding": "chunked"},
        {"Content_Length": None, "Transfer_Encoding": "gzip, chunked"},
        {"X": "a\rb"},
        {"X": "a\0b"},
        {"X ": "before the colon"},
        {"X": "folded\r\n line"},
        {"X": "y" * 70_000},
    ],
    ids=str,
)
async def test_a_misframed_answer_is_502_and_not_kept(s: Scenario, headers: dict[str, str | None]) -> None:
    """Its connection ends with it, so that nothing of it can be the next one's answer."""
    o1 = s.origin("o1")
    viewer = s.viewer("v", at=s.edge("e1", upstream=o1))
    o1.expects(SEG).answers(200, BYTES, cache_control=FRESH, **headers)
    assert (await viewer.gets(SEG)).status == 502
    await until(lambda: not o1.connections)
    o1.expects(SEG).answers(200, BYTES, cache_control=FRESH)
    assert (await viewer.gets(SEG)).body == BYTES


async def test_what_follows_an_answer_is_nobodys(s: Scenario) -> None:
    """Response queue poisoning: a second answer on the same connection never answers the next request."""
    o1 = s.origin("o1")
    viewer = s.viewer("v", at=s.edge("e1", upstream=o1))
    evil = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nEVIL"
    o1.expects(SEG).answers(200, BYTES + evil, cache_control=FRESH, Content_Length=str(len(BYTES)))
    assert (await viewer.gets(SEG)).body == BYTES
    o1.expects(FOLDER + "2.m4s").answers(200, b"good", cache_control=FRESH)
    assert (await viewer.gets(FOLDER + "2.m4s")).body == b"good"


async def test_a_slow_origin_holds_few_connections_and_the_rest_is_told_to_come_again(s: Scenario) -> None:
    """Two at a time; who waits longer than a connection may take gets 503 with Retry-After, and no blame falls."""
    held, o1 = s.gate(), s.origin("o1")
    e1 = s.edge("e1", upstream=o1, upstream_connections=2, upstream_connect="2s", upstream_first_byte="60s")
    paths = [f"{FOLDER}{number}.m4s" for number in range(5)]
    for path in paths[:2]:
        o1.expects(path).waits_for(held).answers(200, BYTES, cache_control=FRESH)
    viewers = [s.viewer(path, at=e1) for path in paths]
    first = [viewer.gets(path) for viewer, path in zip(viewers[:2], paths[:2], strict=True)]
    await o1.until(times=2)
    rest = [viewer.gets(path) for viewer, path in zip(viewers[2:], paths[2:], strict=True)]
    await until(lambda: e1.edge is not None and e1.edge.upstreams.all[0].pool.waiting == 3)
    await s.clock.advance(2)
    told = [await one for one in rest]
    assert {(got.status, got.reason, got.headers["retry-after"]) for got in told} == {(503, "upstream-busy", "1")}
    assert len(o1.connections) == 2
    held.open()
    assert [(await one).body for one in first] == [BYTES, BYTES]
