"""If-Match and If-Unmodified-Since where the edge answers for the upstream: 412 wherever the response comes from."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.doubles.response import read_responses
from tests.edge.ground import RawUpstream, Says, ok, standing
from tests.edge.process import edge_process

SEG = "/cdn/eu/t1/v720/1.m4s"
LONG = 300_000
FIELDS = b'Cache-Control: max-age=60\r\nETag: "a"\r\nLast-Modified: Mon, 01 Jun 2026 00:00:00 GMT\r\n'
FAILING = ['If-Match: "b"', 'If-Match: W/"a"', "If-Unmodified-Since: Sun, 31 May 2026 00:00:00 GMT"]
HOLDING = ['If-Match: "b", "a"', "If-Match: *", "If-Unmodified-Since: Mon, 01 Jun 2026 00:00:00 GMT"]


@pytest.mark.parametrize("size", [5, LONG], ids=["whole", "sliced"])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("extra", ["", "Range: bytes=0-1\r\n"], ids=["all", "range"])
async def test_a_precondition_that_fails_is_412_fresh_filled_and_stored(
    tmp_path: Path, size: int, method: str, extra: str
):
    settings = {"profile": "media", "slice": "64KiB", "slice_over": "128KiB"}
    async with standing(tmp_path, **settings) as ground:
        ground.upstream.default = ok(b"x" * size, FIELDS)
        first = f"/cdn/eu/t{size}/v720/{method}.m4s"
        for condition in FAILING:
            for _ in range(2):  # filled for it, then stored
                got = await ground.gets(first, method, f"{condition}\r\n{extra}")
                assert (got.status, got.body, got.headers["etag"]) == (412, b"", '"a"')
                assert got.headers["access-control-allow-origin"] == "*"
        for condition in HOLDING:
            got = await ground.gets(first, method, f"{condition}\r\n{extra}")
            assert got.status == (206 if extra and method == "GET" else 200)
        assert not any(b"If-Match" in head or b"If-Unmodified" in head for head in ground.upstream.heads)


async def test_who_goes_alone_gets_412_and_no_part_of_another_version(tmp_path: Path):
    """What is not kept is fetched for one viewer with the range they ask for; a condition has to see the whole."""
    async with standing(tmp_path, profile="media") as ground:
        ground.upstream.default = ok(b"hello", b'ETag: "a"\r\nCache-Control: no-store\r\n')
        for _ in range(2):
            got = await ground.gets(SEG, more='If-Match: "b"\r\nRange: bytes=0-1\r\n')
            assert got.status == 412
        assert not any(b"Range" in head for head in ground.upstream.heads[1:])


async def test_in_general_an_upstream_that_passes_over_a_condition_has_the_word(tmp_path: Path):
    async with standing(tmp_path, profile="general") as ground:
        ground.upstream.default = ok(b"hello", FIELDS)
        assert (await ground.gets("/a", more='If-Match: "b"\r\n')).status == 200
        assert b'If-Match: "b"' in ground.upstream.heads[0]
        ground.upstream.default = Says(b"HTTP/1.1 412 Precondition Failed\r\nContent-Length: 2\r\n\r\nno")
        got = await ground.gets("/a", more='If-Match: "b"\r\n')
        assert (got.status, got.body) == (412, b"no")


async def test_a_real_edge_says_412_and_asks_anew_after_a_crossing_408(tmp_path: Path):
    late = Says(b"HTTP/1.1 408 Request Timeout\r\nConnection: close\r\nContent-Length: 0\r\n\r\n", then="close")
    upstream = RawUpstream()
    await upstream.start()
    try:
        upstream.default = ok(b"hello", FIELDS)
        upstream.answers["/cdn/eu/t1/v720/2.m4s"] = [late, ok(b"again")]
        with edge_process(tmp_path, upstream.port, profile="media") as edge:
            for more, status in (("", 200), (FAILING[0] + "\r\n", 412), (HOLDING[0] + "\r\n", 200)):
                assert read_responses(await asyncio.to_thread(edge.gets, SEG, more))[0].status == status
            got = read_responses(await asyncio.to_thread(edge.gets, "/cdn/eu/t1/v720/2.m4s"))[0]
            assert (got.status, got.body) == (200, b"again")
    finally:
        upstream.stop()
