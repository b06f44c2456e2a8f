"""Responses that could not be given at once: how each ends for the viewer, in the numbers and in the log."""

import asyncio
import contextlib
import json
from pathlib import Path
from types import SimpleNamespace

import pytest

from edge.counters import Counts
from edge.serve.response import PendingResponse
from edge.serve.transaction import Transaction
from kernel.vocabulary import Outcome
from tests.cache.workbench import response
from tests.doubles.clock import FakeClock
from tests.doubles.response import read_responses
from tests.edge.ground import Ground, Says, ok, resets, standing

FIVE = b"HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\nContent-Length: 5\r\n\r\n"
UNTOLD = b"HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\n\r\n"


async def records(ground: Ground) -> list[dict]:
    """What the log says so far."""
    file, log = ground.edge.settings.access_log, ground.edge.log
    assert file is not None
    assert log is not None
    while log._pieces or log._flushing:
        await ground.clock.advance(1)
        await ground.until(lambda: not log._flushing)
    return [json.loads(line) for line in file.read_text().splitlines()]


@pytest.fixture
async def ground(tmp_path: Path):
    async with standing(tmp_path, access_log=tmp_path / "access.log", upstream_first_byte="5s") as made:
        yield made


def told(record: dict) -> tuple:
    return record["status"], record["bytes"], record["outcome"], record["reason"]


async def test_a_miss_then_a_hit(ground: Ground):
    first, second = await ground.gets(), await ground.gets()
    assert first.headers["cache-status"] == "e; fwd=uri-miss; stored"
    assert second.headers["cache-status"].startswith("e; hit; ttl=")
    assert "age" not in first.headers
    assert [told(one) for one in await records(ground)] == [(200, 5, "miss", None), (200, 5, "hit", None)]


async def test_a_fetch_that_fails_before_its_head_is_a_problem(ground: Ground):
    ground.upstream.answers["/a"] = Says(b"", "close")
    got = await ground.gets()
    assert json.loads(got.body)["reason"] == "closed"
    assert "detail=closed" in got.headers["cache-status"]
    assert [told(one) for one in await records(ground)] == [(502, 0, "failed", "closed")]


async def test_a_fetch_that_breaks_in_its_body_is_not_the_viewers_leaving(ground: Ground):
    ground.upstream.answers["/a"] = Says(FIVE + b"hel", "close")
    with contextlib.suppress(IndexError):  # a reset may overtake what was sent
        assert not (await ground.gets()).whole
    assert [told(one) for one in await records(ground)] == [(200, 3, "failed", "truncated")]
    assert ground.edge.counts.failed == 1
    assert ground.edge.counts.bytes_sent == 3


async def test_a_viewer_who_leaves_is_said_to_have_left(ground: Ground):
    ground.upstream.answers["/a"] = Says(FIVE + b"hel", "hang")
    _, writer = await ground.connect()
    writer.write(b"GET /a HTTP/1.1\r\nHost: h\r\n\r\n")
    await ground.until(lambda: ground.edge.counts.bytes_filled == 3)
    resets(writer)
    await ground.until(lambda: not ground.edge.handler.connections)
    await ground.clock.advance(30)
    assert [told(one) for one in await records(ground)] == [(200, 3, "miss", "left")]


async def test_a_viewer_who_leaves_before_the_head_is_499(ground: Ground):
    ground.upstream.answers["/a"] = Says(b"", "hang")
    _, writer = await ground.connect()
    writer.write(b"GET /a HTTP/1.1\r\nHost: h\r\n\r\n")
    await ground.until(ground.upstream.hanging.is_set)
    assert ground.edge.counts.waiting == 1
    resets(writer)
    await ground.until(lambda: not ground.edge.handler.connections)
    assert ground.edge.counts.waiting == 0
    await ground.clock.advance(6)
    assert [told(one) for one in await records(ground)] == [(499, 0, "miss", "left")]


async def test_waiters_are_collapsed(ground: Ground):
    ground.upstream.answers["/a"] = Says(b"", "hang")
    asked = [ground.asks() for _ in range(4)]
    await ground.until(lambda: ground.edge.counts.waiting == 4)
    await ground.clock.advance(6)
    got = await asyncio.gather(*asked)
    told = sorted("collapsed" in one.headers["cache-status"] for one in got)
    assert told == [False, False, True, True], "the first of those who were sent to ask again asked for them all"
    assert ground.upstream.asked == ["GET /a", "GET /a"]
    await ground.clock.advance(10)


@pytest.mark.parametrize("version", ["1.1", "1.0"])
async def test_a_body_of_untold_length(ground: Ground, version: str):
    """In chunks; HTTP/1.0, which has none, gets it up to the end of the connection."""
    ground.upstream.answers["/a"] = Says(UNTOLD + b"hello", "close")
    data = await ground.sends(f"GET /a HTTP/{version}\r\nHost: h\r\nConnection: keep-alive\r\n\r\n".encode())
    got = read_responses(data)[0]
    assert (got.body, got.whole) == (b"hello", True)
    assert ("transfer-encoding" in got.headers) is (version == "1.1")
    assert got.headers.get("connection") == "close"
    again = await ground.gets()
    assert again.headers["content-length"] == "5"


async def test_a_head_request_brings_the_whole_in(tmp_path: Path):
    """In the media profile: its viewer waits for no body; the next GET is a hit."""
    async with standing(tmp_path, profile="media") as ground:
        head = await ground.gets("/cdn/eu/t/v/1.m4s", "HEAD")
        assert (head.body, head.headers["content-length"]) == (b"", "5")
        await ground.until(lambda: not ground.edge.cache.fill_table)
        assert (await ground.gets("/cdn/eu/t/v/1.m4s")).headers["cache-status"].startswith("e; hit")
        assert ground.upstream.asked == ["GET /cdn/eu/t/v/1.m4s"]


async def test_in_general_a_head_goes_upstream_as_a_head(ground: Ground):
    """RFC 9111 §4.3.5 needs one; a GET is then a miss, and its response serves the next HEAD."""
    for method in ("HEAD", "GET", "HEAD"):
        got = await ground.gets("/a", method)
        assert (got.body, got.headers["content-length"]) == (b"hello" if method == "GET" else b"", "5")
    assert ground.upstream.asked == ["HEAD /a", "GET /a"]


@pytest.mark.parametrize(
    ("field", "status", "body"),
    [
        ("Range: bytes=1-2", 206, b"el"), ("Range: bytes=-2", 206, b"lo"), ("Range: bytes=9-", 416, b""),
        ("Range: bytes=3-1", 200, b"hello"), ("If-None-Match: *", 304, b""),
    ],
)  # fmt: skip
async def test_ranges_and_conditions_of_a_miss(ground: Ground, field: str, status: int, body: bytes):
    """The same as of a hit, while the whole is being fetched and kept."""
    miss = await ground.gets("/a", more=field + "\r\n")
    await ground.until(lambda: not ground.edge.cache.fill_table)
    hit = await ground.gets("/a", more=field + "\r\n")
    for got in (miss, hit):
        assert (got.status, got.body, got.whole) == (status, body, True)
    assert ground.upstream.asked == ["GET /a"]


async def test_stale_stands_in_where_the_response_allows_it(ground: Ground):
    ground.upstream.answers["/a"] = ok(more=b"Cache-Control: max-age=1, stale-if-error=60\r\n")
    await ground.gets()
    await ground.clock.advance(2)
    ground.upstream.answers["/a"] = Says(b"", "close")
    got = await ground.gets()
    assert (got.status, got.body) == (200, b"hello")
    assert "upstream-failed" in got.headers["cache-status"]
    assert (await records(ground))[-1]["outcome"] == "stale-hit"


async def test_a_slow_viewer_gets_every_byte_of_a_large_miss(tmp_path: Path):
    """More than all the buffers between hold; he reads in small steps while it is fetched."""
    body = b"".join(b"%08d" % number for number in range(1 << 20))
    async with standing(tmp_path, max_object="1MiB") as ground:
        ground.upstream.answers["/a"] = ok(body)
        reader, writer = await ground.connect()
        writer.write(b"GET /a HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
        await ground.until(lambda: any(one.paused for one in ground.edge.handler.connections))
        data = b""
        while piece := await reader.read(50_000):
            data += piece
        writer.close()
        assert read_responses(data)[0].body == body
        assert ground.edge.stats()["objects"] == 0


def pending(*, collapsed=False):
    clock = FakeClock()
    entry = response(clock, b"/k")
    cache = SimpleNamespace(fits_in_ram=lambda cost: cost > 0, stored=lambda key: [entry] if key == b"/k" else [])
    context = SimpleNamespace(counts=Counts(), clock=clock, node=SimpleNamespace(name=b"e"), cache=cache)
    transaction = Transaction(None, SimpleNamespace(on_lost=None), None, None, None, 0.0)
    made = PendingResponse(context, transaction)
    made.collapsed = collapsed
    return made, entry


@pytest.mark.parametrize(
    ("outcome", "collapsed", "expected"),
    [
        (Outcome.HIT, False, b"e; hit; ttl=60"),
        (Outcome.MISS, False, b"e; fwd=uri-miss; stored"),
        (Outcome.COLLAPSED, True, b"e; fwd=uri-miss; collapsed"),
        (Outcome.REVALIDATED, False, b"e; fwd=stale; fwd-status=304"),
    ],
)
def test_cache_status(outcome, collapsed, expected):
    made, entry = pending(collapsed=collapsed)
    assert made.stored_status(entry, outcome) == expected


def test_the_age_of_what_came_just_now_is_what_upstream_told():
    made, entry = pending()
    assert (made.age_of(entry, Outcome.MISS), made.age_of(entry, Outcome.HIT)) == (None, 0)
    entry.set_fields([*entry.fields, (b"age", b"0")])
    assert made.age_of(entry, Outcome.MISS) == 0
