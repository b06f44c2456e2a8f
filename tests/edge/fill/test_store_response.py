"""What is done with answers that are not the common case; the common ones are in test_fetch and the scenarios."""

from pathlib import Path

from cache.fills.fill import MAX_BYTES_BEHIND, Fill
from edge.fill import store_response
from edge.fill.store_response import MAX_LAG_SECONDS, SlowReaderLimit
from tests.cache.fills.test_fill import Viewer
from tests.cache.workbench import response
from tests.doubles.clock import FakeClock
from tests.edge.ground import Says, ok, standing

FRESH = b"Cache-Control: max-age=60\r\n"


async def test_bodies_on_their_way_are_bounded_in_all(tmp_path: Path, monkeypatch):
    """Beyond the bound an answer is passed on and not kept; its viewer gets all of it."""
    monkeypatch.setattr(store_response, "MAX_BUFFERED_BYTES", 1000)
    async with standing(tmp_path) as ground:
        ground.upstream.default = ok(bytes(5000))
        assert (await ground.gets("/a")).body == bytes(5000)
        assert ground.edge.stats()["objects"] == 0
        assert ground.edge.fetcher._responses._bytes_buffered == 0


async def test_a_body_of_unknown_length_is_kept_whole_or_beyond_the_limit_in_slices(tmp_path: Path):
    """The small one is one object; the large one is two slices and what they belong to."""
    async with standing(tmp_path, slice="64KiB", slice_over="64KiB") as ground:
        chunks = b"8000\r\n" + bytes(0x8000) + b"\r\n"
        head = b"HTTP/1.1 200 OK\r\n" + FRESH + b"Transfer-Encoding: chunked\r\n\r\n"
        ground.upstream.answers["/small"] = Says(head + chunks + b"0\r\n\r\n")
        ground.upstream.answers["/large"] = Says(head + chunks * 4 + b"0\r\n\r\n")
        assert (await ground.gets("/small")).body == bytes(0x8000)
        assert (await ground.gets("/large")).body == bytes(4 * 0x8000)
        await ground.until(lambda: not ground.edge.cache.fill_table)
        assert ground.edge.stats()["objects"] == 1 + 3


async def test_a_416_is_for_the_one_who_asked_with_the_length_that_upstream_told(tmp_path: Path):
    async with standing(tmp_path) as ground:
        said = b"HTTP/1.1 416 X\r\n" + FRESH + b"Content-Range: bytes */10\r\nContent-Length: 2\r\n\r\nno"
        ground.upstream.answers["/a"] = Says(said)
        got = await ground.gets("/a", more="Range: bytes=9000000-\r\n")
        assert (got.status, got.headers["content-range"], got.body) == (416, "bytes */10", b"no")
        assert ground.edge.stats()["objects"] == 0


async def test_a_part_that_says_too_little_is_asked_for_again_as_a_whole(tmp_path: Path):
    async with standing(tmp_path) as ground:
        part = b"HTTP/1.1 206 X\r\n" + FRESH + b"Content-Range: bytes 0-1/*\r\nContent-Length: 2\r\n\r\nhe"
        ground.upstream.answers["/a"] = [Says(part), ok()]
        got = await ground.gets("/a", more="Range: bytes=0-1\r\n")
        assert (got.status, got.body) == (206, b"he")
        assert (await ground.gets("/a")).body == b"hello"
        assert len(ground.upstream.asked) == 2


async def test_a_304_about_what_is_lost_is_asked_anew(tmp_path: Path):
    """Seen: the head on disk was damaged, so nothing was asked about it, and an unasked 304 was a bug of ours."""
    stale_now = b'HTTP/1.1 200 OK\r\nCache-Control: max-age=1\r\nETag: "a"\r\nContent-Length: 3\r\n\r\nold'
    async with standing(tmp_path, cache_dir=tmp_path / "cache", disk="16MiB") as ground:
        ground.upstream.answers["/a"] = Says(stale_now, "stay")
        assert (await ground.gets("/a")).body == b"old"
        cache = ground.edge.cache
        await ground.until(lambda: not cache.tiers.writer and not ground.edge.tasks)
        entry = cache.peek(b"h/a", {})
        cache.ram.drop(entry)
        entry.release_head()
        for path in (tmp_path / "cache").rglob("*"):
            if path.is_file() and b"h/a" in path.read_bytes():
                path.write_bytes(b"junk")
        await ground.clock.advance(5)
        ground.upstream.answers["/a"] = [Says(b'HTTP/1.1 304 X\r\nETag: "z"\r\n\r\n', "stay"), ok(b"new")]
        assert (await ground.gets("/a")).body == b"new"


class Upstream:
    def __init__(self):
        self.paused = False

    def pause(self):
        self.paused = True

    def resume(self):
        self.paused = False


def passed(*paces):
    clock, upstream, fill = FakeClock(), Upstream(), Fill(b"/k", 0.0)
    lag = SlowReaderLimit(fill, upstream, clock)
    fill.pause, fill.resume = lag.pause, lag.resume
    viewers = [Viewer(fill, pace=pace) for pace in paces]
    for viewer in viewers:
        fill.join(viewer)
    fill.receive_head(response(clock, b"/k"), kept=False)
    fill.append_body(bytes(2 * MAX_BYTES_BEHIND))
    return clock, upstream, fill, viewers


async def test_a_laggard_holds_up_another_for_a_few_seconds():
    clock, upstream, fill, (fast, slow) = passed(1 << 30, 1)
    assert upstream.paused
    await clock.advance(MAX_LAG_SECONDS + 0.1)
    assert not upstream.paused
    assert slow.told[-1].reason == "reader-too-slow"
    assert list(fill.readers) == [fast]


async def test_who_is_slow_alone_is_waited_for():
    clock, upstream, _, (slow,) = passed(1)
    await clock.advance(10 * MAX_LAG_SECONDS)
    assert upstream.paused
    assert slow.told == ["head"]
    slow.take(1 << 30)
    assert not upstream.paused
