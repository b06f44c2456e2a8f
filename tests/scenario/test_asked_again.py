"""Upstream asked again: short parts, backends that disagree, breaks. Each has an end, and the bytes are right."""

from __future__ import annotations

import os

import pytest

from tests.scenario.stage import Scenario

FILM = "/cdn/eu/title1/film.mp4"
K = 65536
BYTES = os.urandom(10 * K + 1234)
SMALL = {"slice": "64KiB", "slice_over": "256KiB"}
FRESH = {"etag": '"a"', "cache_control": "max-age=60"}


@pytest.mark.parametrize("disk", ["64MiB", "0"])
@pytest.mark.parametrize("most", [20_000, K - 1, K + 1, 3 * K])
async def test_an_origin_that_sends_less_than_was_asked_for_is_asked_for_the_rest(
    s: Scenario, most: int, disk: str
) -> None:
    """Every byte comes from upstream once, in as many answers as its size makes needed, and is kept."""
    o1 = s.library("o1")
    film = o1.holds(FILM, BYTES, **FRESH)
    film.most = most
    e1 = s.edge("e1", upstream=o1, disk=disk, **SMALL)
    viewer = s.viewer("v", at=e1)
    assert (await viewer.gets(FILM, range="bytes=0-9")).body == BYTES[:10]
    await e1.until(fills_running=0)
    got = await viewer.gets(FILM, range="bytes=0-")
    assert (got.status, got.body) == (206, BYTES)
    await e1.until(fills_running=0)
    asked = len(film.asked)
    assert asked <= 2 + 2 * -(-len(BYTES) // min(most, K))
    assert (await viewer.gets(FILM)).body == BYTES
    assert len(film.asked) == asked


async def test_a_viewer_who_leaves_ends_the_asking_for_the_rest(s: Scenario) -> None:
    """What came is kept; nobody asks upstream for anything more."""
    o1, held = s.library("o1"), s.gate()
    film = o1.holds(FILM, BYTES, **FRESH)
    film.most = 20_000
    e1 = s.edge("e1", upstream=o1, **SMALL)
    viewer = s.viewer("v", at=e1)
    assert (await viewer.gets(FILM, range="bytes=0-9")).body == BYTES[:10]
    await e1.until(fills_running=0)
    film.waits_for(held)
    rest = viewer.gets(FILM, range="bytes=0-")
    await o1.until(FILM, times=3)
    viewer.leaves()
    await rest
    held.open()
    await e1.until(fills_running=0, connections=0)
    if s.ground == "memory":  # over TCP an end is a half-close, until something more is written
        assert len(film.asked) == 3
    part = await viewer.gets(FILM, range="bytes=0-39999")
    assert (part.body, part.cache_status) == (BYTES[:40_000], "e1; hit; ttl=60")


async def test_an_origin_that_sends_crumbs_is_asked_for_the_whole(s: Scenario) -> None:
    """A part of 100 bytes a request costs more than the object is worth."""
    o1 = s.library("o1")
    film = o1.holds(FILM, BYTES, **FRESH)
    film.most = 100
    e1 = s.edge("e1", upstream=o1, **SMALL)
    viewer = s.viewer("v", at=e1)
    assert (await viewer.gets(FILM, range="bytes=0-9")).body == BYTES[:10]
    await e1.until(fills_running=0)
    assert (await viewer.gets(FILM)).body == BYTES
    assert len(film.asked) < 32
    assert "" in film.asked[-2:]


async def test_an_origin_that_always_breaks_off_is_given_up(s: Scenario) -> None:
    """Each stream ends after some bytes more than the last: that is no reason to ask for ever."""
    o1 = s.library("o1")
    film = o1.holds(FILM, BYTES, **FRESH)
    film.breaks = list(range(0, K, 500))
    e1 = s.edge("e1", upstream=o1, **SMALL)
    got = await s.viewer("v", at=e1).gets(FILM)
    assert not got.whole
    assert BYTES.startswith(got.body)
    assert len(film.asked) < 16


@pytest.mark.parametrize("tags", [['"a"', '"b"'], ['"a"', '"b"', '"c"'], ['"a"', '"b"', '"b"', '"a"', '"a"', '"b"']])
async def test_backends_that_disagree_about_the_etag(s: Scenario, tags: list[str]) -> None:
    """Whoever begins gets right bytes; after two changed validators the object comes in one stream, and is a hit."""
    o1 = s.library("o1")
    film = o1.holds(FILM, BYTES, cache_control="max-age=600")
    film.tags = list(tags)
    e1 = s.edge("e1", upstream=o1, **SMALL)
    viewer = s.viewer("v", at=e1)
    cut = 0
    for at in (0, 5 * K, None, 2 * K, None, 8 * K, None):
        got = await (viewer.gets(FILM) if at is None else viewer.gets(FILM, range=f"bytes={at}-{at + 9}"))
        whole = BYTES if at is None else BYTES[at : at + 10]
        cut += not got.whole
        assert got.body == whole if got.whole else whole.startswith(got.body)
        await e1.until(fills_running=0)
    assert cut <= 1
    asked = len(film.asked)
    assert asked < 16
    last = await viewer.gets(FILM)
    assert (last.body, last.cache_status) == (BYTES, "e1; hit; ttl=600")
    assert len(film.asked) == asked


async def test_two_backends_cut_nobody_off(s: Scenario) -> None:
    """The next answer is asked whether it is another version, or only the other backend."""
    o1 = s.library("o1")
    film = o1.holds(FILM, BYTES, cache_control="max-age=600")
    film.tags = ['"a"', '"b"']
    e1 = s.edge("e1", upstream=o1, **SMALL)
    viewer = s.viewer("v", at=e1)
    assert (await viewer.gets(FILM, range="bytes=0-9")).body == BYTES[:10]
    await e1.until(fills_running=0)
    assert (await viewer.gets(FILM)).body == BYTES
    assert len(film.asked) == 3


async def test_an_object_of_changing_etags_that_is_too_large_is_passed(s: Scenario, monkeypatch) -> None:
    """It is not kept, and each viewer gets one stream, or the part that they asked for, of one backend."""
    monkeypatch.setattr("edge.fill.store_response.MAX_WHOLE_BYTES", 5 * K)
    o1 = s.library("o1")
    film = o1.holds(FILM, BYTES, cache_control="max-age=600")
    film.tags = [f'"{number}"' for number in range(100)]
    e1 = s.edge("e1", upstream=o1, **SMALL)
    viewer = s.viewer("v", at=e1)
    for at in (0, 5 * K, 2 * K):
        assert (await viewer.gets(FILM, range=f"bytes={at}-{at + 9}")).body == BYTES[at : at + 10]
        await e1.until(fills_running=0)
    whole = await viewer.gets(FILM)
    assert (whole.body, "stored" in whole.cache_status) == (BYTES, False)
    part = await viewer.gets(FILM, range="bytes=70000-70009")
    assert (part.status, part.body) == (206, BYTES[70_000:70_010])
    assert film.asked[-1] == "bytes=70000-70009"


async def test_slices_on_a_disk_that_rests_are_fetched(s: Scenario) -> None:
    """What cannot be read now is not looked for again and again."""
    o1 = s.library("o1")
    film = o1.holds(FILM, BYTES, cache_control="max-age=600", etag='"a"')
    e1 = s.edge("e1", upstream=o1, ram="1MiB", **SMALL)
    viewer = s.viewer("v", at=e1)
    assert (await viewer.gets(FILM)).body == BYTES
    await e1.written()
    await e1.is_killed()
    assert (await viewer.gets(FILM, range="bytes=0-9")).body == BYTES[:10]
    assert e1.edge is not None
    assert e1.edge.disk is not None
    e1.edge.disk.suspended_until = s.clock.mono() + 100
    asked = len(film.asked)
    assert (await viewer.gets(FILM)).body == BYTES
    assert len(film.asked) > asked
