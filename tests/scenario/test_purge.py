"""Purge: by URL, prefix, surrogate key, all; soft and hard; after the receipt nobody gets the old bytes."""

from __future__ import annotations

import os

import pytest

from edge.policy.purge_keys import media_key, media_prefix
from tests.scenario.stage import Scenario

ONE, TWO, OTHER = "/cdn/eu/title1/v720/00001.m4s", "/cdn/eu/title1/v720/00002.m4s", "/cdn/eu/title2/v720/00001.m4s"
FILM = "/cdn/eu/title1/film.mp4"
K = 65536
SLICED = {"slice": "64KiB", "slice_over": "256KiB"}
LARGE = os.urandom(5 * K + 99)

BY = [
    ({"urls": (media_key(ONE) or b"",)}, [ONE]),
    ({"prefixes": (media_prefix("/cdn/eu/title1/") or b"",)}, [ONE, TWO]),
    ({"keys": (b"title1",)}, [ONE, TWO]),
    ({"everything": True}, [ONE, TWO, OTHER]),
    ({"keys": (b"nothing",)}, []),
]


async def filled(s: Scenario, o1, e1, path: str, body: bytes, **more: str) -> None:
    title = path.split("/")[3]
    o1.expects(path).answers(
        200, body, **{"cache_control": "max-age=3600", "surrogate_key": title, "etag": '"a"', **more}
    )
    assert (await s.viewer("filler", at=e1).gets(path)).body == body


@pytest.mark.parametrize("soft", [False, True])
@pytest.mark.parametrize(("what", "reached"), BY)
async def test_what_it_names_is_asked_for_again_and_nothing_else(s: Scenario, what, reached, soft: bool) -> None:
    """Counted; hard: fetched anew; soft: revalidated; from both tiers, and at the next start as well."""
    o1 = s.origin("o1")
    e1 = s.edge("e1", upstream=o1, cache_dir=s.folder / "e1" / "cache")
    for path in (ONE, TWO, OTHER):
        await filled(s, o1, e1, path, b"old")
    await e1.written()
    assert await e1.purges(soft=soft, **what) == len(reached)
    await e1.is_killed()
    for path in (ONE, TWO, OTHER):
        if path in reached:
            condition = {"if_none_match": '"a"'} if soft else {}
            o1.expects(path, **condition).answers(200, b"new", cache_control="max-age=3600", etag='"b"')
        assert (await s.viewer("v", at=e1).gets(path)).body == (b"new" if path in reached else b"old")


@pytest.mark.parametrize("soft", [False, True])
async def test_a_fill_begun_before_it_does_not_bring_the_old_bytes_back(s: Scenario, soft: bool) -> None:
    """Who waited gets them; nobody after the receipt does."""
    held, o1 = s.gate(), s.origin("o1")
    e1 = s.edge("e1", upstream=o1)
    o1.expects(ONE).waits_for(held, after=3).answers(200, b"old bytes", cache_control="max-age=60", surrogate_key="t")
    old = s.viewer("old", at=e1).gets(ONE)
    await e1.until(bytes_filled=3)
    assert await e1.purges("t", soft=soft) == 0
    o1.expects(ONE).answers(200, b"new bytes", cache_control="max-age=60")
    assert (await s.viewer("new", at=e1).gets(ONE)).body == b"new bytes"
    held.open()
    assert (await old).body == b"old bytes"
    assert (await s.viewer("later", at=e1).gets(ONE)).body == b"new bytes"


async def test_while_it_is_written_to_disk(s: Scenario) -> None:
    """The receipt waits for the file to be gone: a kill right after it brings nothing back."""
    o1 = s.origin("o1")
    e1 = s.edge("e1", upstream=o1, cache_dir=s.folder / "e1" / "cache")
    await filled(s, o1, e1, ONE, LARGE)
    assert await e1.purges(urls=(media_key(ONE),)) == 1
    await e1.is_killed()
    await filled(s, o1, e1, ONE, b"new")


async def test_while_it_is_read_from_disk(s: Scenario) -> None:
    """Who asked before may get the old bytes, and they do not come to stay."""
    o1 = s.origin("o1")
    e1 = s.edge("e1", upstream=o1, cache_dir=s.folder / "e1" / "cache")
    await filled(s, o1, e1, ONE, b"old")
    await e1.written()
    await e1.is_killed()
    await s.viewer("starter", at=e1).gets("/cdn/nowhere")
    o1.expects(ONE, times=2).answers(200, b"new", cache_control="max-age=3600")
    before = s.viewer("before", at=e1).gets(ONE)
    assert await e1.purges(everything=True) in (0, 1)
    assert (await before).body in (b"old", b"new")
    assert (await s.viewer("after", at=e1).gets(ONE)).body == b"new"
    await e1.purges(everything=True)
    assert (await s.viewer("again", at=e1).gets(ONE)).body == b"new"


@pytest.mark.parametrize("soft", [False, True])
async def test_while_a_304_is_on_its_way(s: Scenario, soft: bool) -> None:
    """It says what held before and makes nothing fresh. Softly purged, the object serves who waited; hard, it is gone
    and he is served anew."""
    held, o1 = s.gate(), s.origin("o1")
    e1 = s.edge("e1", upstream=o1)
    await filled(s, o1, e1, ONE, b"old", cache_control="max-age=1")
    await s.clock.advance(2)
    o1.expects(ONE, if_none_match='"a"').waits_for(held).answers(304, etag='"a"', cache_control="max-age=60")
    waiting = s.viewer("waiting", at=e1).gets(ONE)
    await e1.until(waiting=1)
    assert await e1.purges(soft=soft, everything=True) == 1
    o1.expects(ONE).answers(200, b"new", etag='"b"', cache_control="max-age=60")
    held.open()
    assert (await waiting).body == (b"old" if soft else b"new")
    assert (await s.viewer("after", at=e1).gets(ONE)).body == b"new"


@pytest.mark.parametrize("what", [{"urls": (media_key(FILM),)}, {"keys": (b"title1",)}, {"everything": True}])
async def test_an_object_in_slices_goes_with_all_of_them_and_counts_once(s: Scenario, what) -> None:
    """Of an origin that keeps the tag and changes the bytes, nothing old is mixed in."""
    o1 = s.library("o1")
    film = o1.holds(FILM, LARGE, etag='"a"', cache_control="max-age=3600", surrogate_key="title1")
    e1 = s.edge("e1", upstream=o1, cache_dir=s.folder / "e1" / "cache", **SLICED)
    assert (await s.viewer("v", at=e1).gets(FILM)).body == LARGE
    await e1.until(fills_running=0)
    await e1.written()
    assert await e1.purges(**what) == 1
    e1.counts(objects=0)
    await e1.is_killed()
    film.body = os.urandom(len(LARGE))
    assert (await s.viewer("v", at=e1).gets(FILM, range=f"bytes={K}-{3 * K}")).body == film.body[K : 3 * K + 1]


async def test_hits_go_on_while_many_objects_go(s: Scenario) -> None:
    """A purge of thousands is done in steps: a viewer is served between them."""
    o1 = s.origin("o1")
    e1 = s.edge("e1", upstream=o1)
    await filled(s, o1, e1, OTHER, b"stays")
    assert e1.edge is not None
    many(e1.edge.cache, 5_000)
    purge = e1.purges("film")
    assert (await s.viewer("v", at=e1).gets(OTHER)).body == b"stays"
    assert await purge == 5_000
    e1.counts(objects=1)


def many(cache, count: int) -> None:
    from cache.entry import Entry

    for number in range(count):
        cache.store(Entry(b"/film/%d" % number, 200, [(b"surrogate-key", b"film")], 1), b"x")
