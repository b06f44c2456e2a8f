"""Ranges and slices: large objects are fetched and kept in parts, and every byte is the right one."""

from __future__ import annotations

import os

from tests.scenario.stage import Scenario

FILM = "/cdn/eu/title1/film.mp4"
K = 65536
BYTES = os.urandom(10 * K + 1234)
SMALL = {"slice": "64KiB", "slice_over": "256KiB"}
FRESH = {"etag": '"a"', "cache_control": "max-age=60"}


async def test_a_large_object_is_fetched_once_and_kept_in_slices(s: Scenario) -> None:
    """Cold, it comes by one plain request; then it is a hit, whole and in parts."""
    o1 = s.library("o1")
    film = o1.holds(FILM, BYTES, **FRESH)
    e1 = s.edge("e1", upstream=o1, **SMALL)
    viewer = s.viewer("v", at=e1)
    cold = await viewer.gets(FILM)
    assert (cold.status, cold.body, cold.cache_status) == (200, BYTES, "e1; fwd=uri-miss; stored")
    assert cold.headers["content-length"] == str(len(BYTES))
    await e1.until(fills_running=0)
    warm = await viewer.gets(FILM)
    assert (warm.body, warm.cache_status) == (BYTES, "e1; hit; ttl=60")
    part = await viewer.gets(FILM, range=f"bytes={K - 5}-{2 * K + 5}")
    assert (part.status, part.body, part.cache_status) == (206, BYTES[K - 5 : 2 * K + 6], "e1; hit; ttl=60")
    assert film.asked == [""]
    e1.counts(bytes_filled=len(BYTES))


async def test_a_range_deep_in_a_cold_object_fetches_only_its_slices(s: Scenario) -> None:
    """Widened to whole slices, which are then there for the next."""
    o1 = s.library("o1")
    film = o1.holds(FILM, BYTES, **FRESH)
    e1 = s.edge("e1", upstream=o1, **SMALL)
    viewer = s.viewer("v", at=e1)
    deep = await viewer.gets(FILM, range=f"bytes={7 * K + 1}-{8 * K + 1}")
    assert (deep.status, deep.body) == (206, BYTES[7 * K + 1 : 8 * K + 2])
    assert deep.headers["content-range"] == f"bytes {7 * K + 1}-{8 * K + 1}/{len(BYTES)}"
    await e1.until(fills_running=0)
    e1.counts(bytes_filled=2 * K)
    again = await viewer.gets(FILM, range=f"bytes={7 * K}-{7 * K}")
    assert (again.body, again.cache_status) == (BYTES[7 * K : 7 * K + 1], "e1; hit; ttl=60")
    beside = await viewer.gets(FILM, range=f"bytes={8 * K}-{9 * K}")
    assert (beside.body, beside.cache_status) == (BYTES[8 * K : 9 * K + 1], "e1; fwd=partial; stored")
    assert film.asked == [f"bytes={7 * K}-{9 * K - 1}", f"bytes={9 * K}-{10 * K - 1}"]


async def test_the_end_and_a_place_beyond_it(s: Scenario) -> None:
    """A suffix goes upstream as it is; 416 is for the one who asked and tells the length."""
    o1 = s.library("o1")
    film = o1.holds(FILM, BYTES, **FRESH)
    e1 = s.edge("e1", upstream=o1, **SMALL)
    viewer = s.viewer("v", at=e1)
    beyond = await viewer.gets(FILM, range=f"bytes={20 * K}-")
    assert (beyond.status, beyond.headers["content-range"]) == (416, f"bytes */{len(BYTES)}")
    last = await viewer.gets(FILM, range="bytes=-2000")
    assert (last.status, last.body) == (206, BYTES[-2000:])
    assert (await viewer.gets(FILM, range="bytes=-1000")).cache_status == "e1; hit; ttl=60"
    beyond = await viewer.gets(FILM, range=f"bytes={20 * K}-")
    assert (beyond.status, beyond.headers["content-range"]) == (416, f"bytes */{len(BYTES)}")
    assert (await viewer.gets(FILM)).body == BYTES
    await e1.until(fills_running=0)
    assert film.asked[:2] == [f"bytes={20 * K}-", "bytes=-2000"]
    e1.counts(bytes_filled=len(BYTES))


async def test_several_ranges_of_an_object_in_slices(s: Scenario) -> None:
    """As multipart/byteranges, cold and warm."""
    o1 = s.library("o1")
    o1.holds(FILM, BYTES, content_type="video/mp4", **FRESH)
    e1 = s.edge("e1", upstream=o1, **SMALL)
    wanted = {"range": f"bytes=10-19,{3 * K - 5}-{3 * K + 4},-7"}
    for _ in range(2):
        got = await s.viewer("v", at=e1).gets(FILM, **wanted)
        assert got.status == 206
        mark = got.headers["content-type"].partition("boundary=")[2].encode()
        parts = [part.partition(b"\r\n\r\n")[2] for part in got.body.split(b"--" + mark)[1:-1]]
        assert [part[:-2] for part in parts] == [BYTES[10:20], BYTES[3 * K - 5 : 3 * K + 5], BYTES[-7:]]
        assert len(got.body) == int(got.headers["content-length"])


async def test_head_conditions_and_if_range_of_an_object_in_slices(s: Scenario) -> None:
    """They need no slice; an If-Range that does not hold gets the whole."""
    o1 = s.library("o1")
    film = o1.holds(FILM, BYTES, **FRESH)
    e1 = s.edge("e1", upstream=o1, **SMALL)
    viewer = s.viewer("v", at=e1)
    await viewer.gets(FILM, range="bytes=0-0")
    await e1.until(fills_running=0)
    head = await viewer.gets(FILM, method="HEAD")
    assert (head.status, head.headers["content-length"]) == (200, str(len(BYTES)))
    assert (await viewer.gets(FILM, if_none_match='"a"')).status == 304
    assert len(film.asked) == 1
    assert (await viewer.gets(FILM, range="bytes=5-9", if_range='"a"')).body == BYTES[5:10]
    whole = await viewer.gets(FILM, range="bytes=5-9", if_range='"b"')
    assert (whole.status, whole.body) == (200, BYTES)


async def test_the_whole_of_what_may_not_be_fetched_in_parts_though_a_part_was_asked_for(s: Scenario) -> None:
    """Without an ETag, If-Range does not hold: the part that came first will not do, and the whole is fetched."""
    o1 = s.library("o1")
    modified = "Mon, 01 Jun 2020 00:00:00 GMT"
    film = o1.holds(FILM, BYTES, etag=None, last_modified=modified, cache_control="max-age=60")
    e1 = s.edge("e1", upstream=o1, **SMALL)
    got = await s.viewer("v", at=e1).gets(FILM, range="bytes=0-100", if_range='"other"')
    assert (got.status, got.body) == (200, BYTES)
    assert film.asked == [f"bytes=0-{K - 1}", ""]


async def test_an_origin_that_knows_no_ranges(s: Scenario) -> None:
    """A range of a cold object is served out of the whole as it comes, with and without an ETag."""
    for etag in ('"a"', None):
        o1 = s.library("o1")
        film = o1.holds(FILM, BYTES, ranges=False, etag=etag, cache_control="max-age=60")
        e1 = s.edge(f"e{etag}".replace('"', ""), upstream=o1, **SMALL)
        got = await s.viewer("v", at=e1).gets(FILM, range=f"bytes={8 * K}-{8 * K + 9}")
        assert (got.status, got.body) == (206, BYTES[8 * K : 8 * K + 10])
        assert (await s.viewer("w", at=e1).gets(FILM)).body == BYTES
        assert (await s.viewer("w", at=e1).gets(FILM, range="bytes=-9")).body == BYTES[-9:]
        assert len(film.asked) <= 3


async def test_viewers_join_the_stream_that_runs(s: Scenario) -> None:
    """However many ask at once for a cold object, it is fetched once."""
    o1, held = s.library("o1"), s.gate()
    film = o1.holds(FILM, BYTES, **FRESH)
    film.waits_for(held)
    e1 = s.edge("e1", upstream=o1, **SMALL)
    first = s.viewer("first", at=e1).gets(FILM)
    await e1.until(waiting=1)
    others = [s.viewer(f"v{n}", at=e1).gets(FILM) for n in range(20)]
    middle = s.viewer("middle", at=e1).gets(FILM, range=f"bytes={K}-{K + 9}")
    await e1.until(waiting=22)
    held.open()
    assert (await first).body == BYTES
    assert [(await one).body == BYTES for one in others] == [True] * 20
    assert (await others[0]).cache_status == "e1; fwd=uri-miss; collapsed"
    assert (await middle).body == BYTES[K : K + 10]
    assert film.asked == [""]


async def test_a_new_version_takes_the_place_of_the_old_one(s: Scenario) -> None:
    """A slice fetched later shows another ETag: who has no head yet gets the new object, the old slices leave."""
    o1 = s.library("o1")
    film = o1.holds(FILM, BYTES, **FRESH)
    e1 = s.edge("e1", upstream=o1, **SMALL)
    viewer = s.viewer("v", at=e1)
    assert (await viewer.gets(FILM, range="bytes=0-9")).body == BYTES[:10]
    await e1.until(fills_running=0)
    news = os.urandom(len(BYTES) + 77)
    film.body, film.fields["etag"] = news, '"b"'
    got = await viewer.gets(FILM, range=f"bytes={5 * K}-{5 * K + 9}")
    assert (got.status, got.body, got.headers["etag"]) == (206, news[5 * K : 5 * K + 10], '"b"')
    await e1.until(fills_running=0)
    assert (await viewer.gets(FILM)).body == news


async def test_bytes_of_two_versions_are_never_mixed(s: Scenario) -> None:
    """A viewer who is in the middle of the old one is cut off."""
    o1 = s.library("o1")
    film = o1.holds(FILM, BYTES, **FRESH)
    e1 = s.edge("e1", upstream=o1, **SMALL)
    viewer = s.viewer("v", at=e1)
    assert (await viewer.gets(FILM, range="bytes=0-9")).body == BYTES[:10]
    await e1.until(fills_running=0)
    film.body, film.fields["etag"] = os.urandom(len(BYTES)), '"b"'
    got = await viewer.gets(FILM)
    assert not got.whole
    assert BYTES.startswith(got.body)
    assert (await viewer.gets(FILM)).body == film.body


async def test_a_broken_stream_is_taken_up_where_it_broke(s: Scenario) -> None:
    """Under one strong ETag another range goes on; the viewer sees nothing of it."""
    o1 = s.library("o1")
    film = o1.holds(FILM, BYTES, **FRESH)
    film.breaks = [3 * K + 100]
    e1 = s.edge("e1", upstream=o1, **SMALL)
    assert (await s.viewer("v", at=e1).gets(FILM)).body == BYTES
    assert film.asked == ["", f"bytes={3 * K}-{len(BYTES) - 1}"]


async def test_without_an_etag_a_broken_stream_is_a_cut(s: Scenario) -> None:
    """And the next viewer gets it anew."""
    o1 = s.library("o1")
    film = o1.holds(FILM, BYTES, cache_control="max-age=60")
    film.breaks = [3 * K + 100]
    e1 = s.edge("e1", upstream=o1, **SMALL)
    broken = await s.viewer("v", at=e1).gets(FILM)
    assert not broken.whole
    assert BYTES.startswith(broken.body)
    assert (await s.viewer("w", at=e1).gets(FILM)).body == BYTES
    assert film.asked == ["", ""]


async def test_a_stale_object_in_slices_is_revalidated(s: Scenario) -> None:
    """A 304 makes whole and slices fresh again; a range asks for its part, should it have changed."""
    o1 = s.library("o1")
    film = o1.holds(FILM, BYTES, **FRESH)
    e1 = s.edge("e1", upstream=o1, **SMALL)
    viewer = s.viewer("v", at=e1)
    await viewer.gets(FILM)
    await e1.until(fills_running=0)
    await s.clock.advance(100)
    got = await viewer.gets(FILM)
    assert (got.body, got.cache_status) == (BYTES, "e1; fwd=stale; fwd-status=304")
    await s.clock.advance(100)
    film.body, film.fields["etag"] = os.urandom(len(BYTES)), '"b"'
    got = await viewer.gets(FILM, range=f"bytes={5 * K}-{5 * K}")
    assert got.body == film.body[5 * K : 5 * K + 1]
    assert film.asked[-1] == f"bytes={5 * K}-{6 * K - 1}"


async def test_a_purge_takes_the_slices_too(s: Scenario) -> None:
    """After the receipt nothing of the old bytes comes back, though a stream ran across it."""

    o1 = s.library("o1")
    film = o1.holds(FILM, BYTES, surrogate_key="t1", **FRESH)
    e1 = s.edge("e1", upstream=o1, **SMALL)
    viewer = s.viewer("v", at=e1)
    await viewer.gets(FILM)
    await e1.until(fills_running=0)
    assert e1.edge is not None
    await e1.purges("t1")
    film.body = os.urandom(len(BYTES))  # an origin that changes bytes and keeps the tag
    assert (await viewer.gets(FILM)).body == film.body


async def test_a_small_object_asked_for_by_range_is_kept_whole(s: Scenario) -> None:
    """The widened range brings all of it."""
    o1 = s.library("o1")
    film = o1.holds(FILM, BYTES[:5000], **FRESH)
    e1 = s.edge("e1", upstream=o1, **SMALL)
    assert (await s.viewer("v", at=e1).gets(FILM, range="bytes=100-199")).body == BYTES[100:200]
    await e1.until(fills_running=0)
    whole = await s.viewer("v", at=e1).gets(FILM)
    assert (whole.body, whole.cache_status) == (BYTES[:5000], "e1; hit; ttl=60")
    assert film.asked == [f"bytes=0-{K - 1}"]


async def test_what_is_stored_of_a_slice_and_the_rest_make_the_whole(s: Scenario) -> None:
    """RFC 9110 §15.3.7.3: the last bytes were asked for first; then only those before them are fetched."""
    o1 = s.library("o1")
    film = o1.holds(FILM, BYTES[:5000], **FRESH)
    e1 = s.edge("e1", upstream=o1, **SMALL)
    assert (await s.viewer("v", at=e1).gets(FILM, range="bytes=-1000")).body == BYTES[4000:5000]
    await e1.until(fills_running=0)
    whole = await s.viewer("v", at=e1).gets(FILM)
    assert (whole.body, whole.cache_status) == (BYTES[:5000], "e1; fwd=partial; stored")
    await e1.until(fills_running=0)
    assert (await s.viewer("v", at=e1).gets(FILM)).cache_status == "e1; hit; ttl=60"
    assert film.asked == ["bytes=-1000", "bytes=0-3999"]


async def test_viewers_who_leave_take_the_stream_with_them(s: Scenario) -> None:
    """Nobody reads on: the rest is not fetched, what came stays."""
    o1 = s.library("o1")
    o1.holds(FILM, os.urandom(100 * K), **FRESH)
    e1 = s.edge("e1", upstream=o1, **SMALL)
    head = await s.viewer("v", at=e1).gets(FILM, method="HEAD")
    assert head.headers["content-length"] == str(100 * K)
    await e1.until(fills_running=0)
    assert e1.edge is not None
    assert e1.edge.stats()["objects"] < 10


async def test_what_is_larger_than_the_largest_object_is_not_kept_in_slices_either(s: Scenario) -> None:
    """`--max-object` bounds the object, not what of it was asked for."""
    o1 = s.library("o1")
    film = o1.holds(FILM, BYTES, **FRESH)
    e1 = s.edge("e1", upstream=o1, max_object="512KiB", **SMALL)
    viewer = s.viewer("v", at=e1)
    for wanted in ({"range": f"bytes={5 * K}-{5 * K + 9}"}, {}, {"range": "bytes=-10"}):
        got = await viewer.gets(FILM, **wanted)
        assert (got.status, "stored" in got.cache_status) == (206 if wanted else 200, False)
    await e1.until(fills_running=0)
    e1.counts(objects=0)
    assert len(film.asked) == 3
