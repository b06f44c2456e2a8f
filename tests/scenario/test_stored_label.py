"""`stored` in Cache-Status is said of what is stored for certain, and only of that (RFC 9211 §2.6)."""

from __future__ import annotations

import os

import pytest

from tests.scenario.stage import Scenario

PATH = "/cdn/eu/title1/v720/00001.m4s"
K = 65536
SMALL = {"slice": "64KiB", "slice_over": "256KiB"}
FRESH = {"etag": '"a"', "cache_control": "max-age=60"}


def chunked(body: bytes) -> bytes:
    return b"".join(b"%x\r\n%s\r\n" % (len(body[at : at + K]), body[at : at + K]) for at in range(0, len(body), K)) + (
        b"0\r\n\r\n"
    )


@pytest.mark.parametrize("size", [3 * K, 10 * K], ids=["small", "over slice_over"])
async def test_an_answer_that_does_not_say_how_long_it_is(s: Scenario, size: int) -> None:
    """It is kept, but that is not known when its head goes out: so it is not said."""
    o1, body = s.origin("o1"), os.urandom(size)
    fields = {"Content_Length": None, "Transfer_Encoding": "chunked"}
    o1.expects(PATH).answers(200, chunked(body), **fields, **FRESH)
    e1 = s.edge("e1", upstream=o1, **SMALL)
    viewer = s.viewer("v", at=e1)
    got = await viewer.gets(PATH)
    assert (got.body, got.cache_status) == (body, "e1; fwd=uri-miss; detail=length-unknown")
    await e1.until(fills_running=0)
    again = await viewer.gets(PATH)
    assert (again.body, "hit" in again.cache_status) == (body, True)


@pytest.mark.parametrize(
    ("settings", "why"),
    [({"max_object": "64KiB"}, "too-large"), ({"ram": "1MiB", "admission": "second"}, "disk-only")],
)
async def test_what_is_not_kept_is_not_called_stored(s: Scenario, settings: dict[str, str], why: str) -> None:
    """Too large; for the disk alone, which admits it when it is asked for again."""
    o1, body = s.origin("o1"), os.urandom(4 * K - 1000)
    o1.expects(PATH, times=2).answers(200, body, **FRESH)
    e1 = s.edge("e1", upstream=o1, **SMALL, **settings)
    viewer = s.viewer("v", at=e1)
    for _ in range(2):
        got = await viewer.gets(PATH)
        assert (got.body, got.cache_status) == (body, f"e1; fwd=uri-miss; detail={why}")
        await e1.until(fills_running=0)


async def test_slices_for_the_disk_alone_are_not_called_stored(s: Scenario) -> None:
    """The same of a large object, whole and in part."""
    o1, body = s.library("o1"), os.urandom(20 * K)
    o1.holds(PATH, body, **FRESH)
    e1 = s.edge("e1", upstream=o1, ram="1MiB", slice="256KiB", slice_over="256KiB")
    viewer = s.viewer("v", at=e1)
    part = await viewer.gets(PATH, range="bytes=0-9")
    assert (part.body, part.cache_status) == (body[:10], "e1; fwd=uri-miss; detail=disk-only")
    await e1.until(fills_running=0)
    await e1.written()
    whole = await viewer.gets(PATH)
    assert (whole.body, whole.cache_status) == (body, "e1; fwd=partial; detail=disk-only")


async def test_what_is_on_its_way_already_leaves_no_room(s: Scenario, monkeypatch: pytest.MonkeyPatch) -> None:
    """As many bytes are promised to be stored as may be held, and no more."""
    monkeypatch.setattr("edge.fill.store_response.MAX_BUFFERED_BYTES", 5 * K)
    o1, held, body = s.origin("o1"), s.gate(), os.urandom(3 * K)
    for name in ("1", "2"):
        o1.expects(PATH + name).waits_for(held, after=10).answers(200, body, **FRESH)
    e1 = s.edge("e1", upstream=o1, prefetch="off", **SMALL)
    first = s.viewer("v", at=e1).gets(PATH + "1")
    await e1.until(fills_running=1)
    assert e1.edge is not None
    await e1.until(waiting=0)
    second = s.viewer("w", at=e1).gets(PATH + "2")
    await e1.until(fills_running=2, waiting=0)
    held.open()
    assert ((await first).body, (await first).cache_status) == (body, "e1; fwd=uri-miss; stored")
    assert ((await second).body, (await second).cache_status) == (body, "e1; fwd=uri-miss; detail=busy")
    await e1.until(fills_running=0)
    assert (await s.viewer("v", at=e1).gets(PATH + "1")).cache_status == "e1; hit; ttl=60"
