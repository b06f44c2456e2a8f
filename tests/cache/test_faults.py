"""What goes wrong with a disk: damage, full, failing, gone; no viewer gets wrong bytes, none loses an answer."""

import errno
import os

import pytest

from cache.cache import SegmentCache
from cache.disk.tier import MAX_ERRORS, SUSPEND_SECONDS
from kernel.errors import StorageFailed, UpstreamFailed
from kernel.fetch_reasons import UpstreamReason
from tests.cache.workbench import Bench, another, cut, flip, gone, junk, response, spoilt
from tests.doubles.clock import turns

KIB = 1024


@pytest.fixture
def ram():
    return Bench()


@pytest.fixture
def bench(tmp_path):
    made = Bench(tmp_path / "cache")
    yield made
    made.end()


@pytest.mark.parametrize("spoil", [flip, cut, junk, another, gone])
async def test_what_is_not_as_it_was_written_is_a_miss(bench, spoil):
    body = os.urandom(300 * KIB)
    entry = bench.keep(b"/k", body)
    other = bench.keep(b"/other", os.urandom(300 * KIB))
    await bench.shop.settle()
    spoilt(bench, entry, spoil)
    assert await bench.serve(b"/k") is None
    assert bench.cache.peek(b"/k", {}) is None
    assert bench.cache.counts.disk_damaged == 1
    assert bench.files() == [bench.file(other)], "a damaged file must not come back at the next start"
    bench.keep(b"/k", body)
    await bench.shop.settle()
    assert await bench.serve(b"/k") == body


async def test_a_file_that_cannot_be_read_is_a_miss_and_removed(bench, monkeypatch):
    entry = bench.keep(b"/k", b"x" * 300 * KIB)
    await bench.shop.settle()

    def broken(*_):
        raise StorageFailed("input/output error")

    monkeypatch.setattr(bench.disk, "read", broken)
    assert await bench.serve(b"/k") is None
    assert (bench.cache.counts.disk_failed, bench.disk.errors) == (1, 1)
    assert (entry.disk, bench.files()) == (None, [])


def refusing(monkeypatch, code, *, most=10**9):
    """Writing fails, the first `most` times."""
    write, calls = os.writev, []

    def refused(fd, data):
        calls.append(1)
        if len(calls) <= most:
            raise OSError(code, os.strerror(code))
        return write(fd, data)

    monkeypatch.setattr(os, "writev", refused)
    return lambda: monkeypatch.setattr(os, "writev", write)


async def test_a_full_disk_costs_no_viewer_anything(bench, monkeypatch):
    """Objects that RAM takes are served from there, the others are not kept; the tier stays in use."""
    mended = refusing(monkeypatch, errno.ENOSPC)
    for number in range(9):
        bench.keep(b"/%d" % number, b"small")
        await bench.shop.settle()
    bench.keep(b"/large", b"x" * 300 * KIB)
    await bench.shop.settle()
    assert (bench.cache.counts.disk_full, bench.cache.counts.disk_failed) == (10, 0)
    assert [await bench.serve(b"/%d" % number) for number in range(9)] == [b"small"] * 9
    assert await bench.serve(b"/large") is None
    assert bench.files() == []
    assert not list((bench.disk.folder / "tmp").iterdir())
    mended()
    assert bench.keep(b"/large", b"x" * 300 * KIB)
    await bench.shop.settle()
    assert len(bench.files()) == 1


async def test_on_a_full_disk_some_leave_and_the_write_is_tried_again(bench, monkeypatch):
    for number in range(20):
        bench.keep(b"/%d" % number, b"x" * 20 * KIB)
    await bench.shop.settle()
    mended = refusing(monkeypatch, errno.ENOSPC, most=1)
    new = bench.keep(b"/new", b"x" * 50 * KIB)
    await bench.shop.settle()
    mended()
    assert new.disk is not None
    assert (bench.cache.counts.disk_full, bench.cache.counts.evicted_disk) == (0, 5), "twice what the new one takes"
    assert len(bench.files()) == 16
    assert await bench.serve(b"/0") == b"x" * 20 * KIB, "from RAM"


async def test_a_disk_that_fails_rests_and_is_tried_again(bench, monkeypatch):
    held = bench.keep(b"/held", b"x" * 300 * KIB)
    await bench.shop.settle()
    mended = refusing(monkeypatch, errno.EIO)
    for number in range(MAX_ERRORS + 3):
        assert bench.keep(b"/%d" % number, b"small")
        await bench.shop.settle()
    counts = bench.cache.counts
    assert (counts.disk_failed, counts.disk_skipped) == (MAX_ERRORS, 3)
    assert bench.cache.stats()["disk_resting"] == 1
    assert await bench.serve(b"/held") is None, "nobody waits for a disk that fails"
    assert bench.keep(b"/large", b"x" * 300 * KIB) is None
    await bench.clock.advance(SUSPEND_SECONDS + 1)
    assert await bench.serve(b"/held") == b"x" * 300 * KIB
    assert held.disk is not None
    for wait in (SUSPEND_SECONDS, 2 * SUSPEND_SECONDS):
        for number in range(MAX_ERRORS):
            bench.keep(b"/again/%d" % number, b"small")
            await bench.shop.settle()
        assert bench.cache.stats()["disk_resting"] == 1
        await bench.clock.advance(wait - 1)
        assert bench.cache.stats()["disk_resting"] == 1
        await bench.clock.advance(2)
        assert bench.cache.stats()["disk_resting"] == 0
    mended()
    bench.keep(b"/k", b"small")
    await bench.shop.settle()
    assert bench.disk.errors == 0


async def test_an_error_now_and_then_does_not_end_the_disk(bench, monkeypatch):
    write = bench.disk.write
    for number in range(20):

        def failing(*_):
            raise StorageFailed("once")

        monkeypatch.setattr(bench.disk, "write", failing if number % 2 else write)
        bench.keep(b"/%d" % number)
        await bench.shop.settle()
    assert not bench.disk.is_suspended(bench.clock.mono())
    assert bench.cache.counts.disk_failed == 10


async def test_an_object_whose_write_failed_and_that_left_ram_is_forgotten(bench, monkeypatch):
    def failing(*_):
        raise StorageFailed("no")

    monkeypatch.setattr(bench.disk, "write", failing)
    with bench.shop.held():
        entry = bench.keep(b"/k", b"x" * 300 * KIB)
        await turns()
    await bench.shop.settle()
    assert bench.cache.peek(b"/k", {}) is None
    assert entry.body is entry.disk is None


async def test_evicted_from_disk_during_its_load(bench):
    """The bytes read are right and serve those who wait; nothing is kept, nothing counted as damage."""
    entry = bench.keep(b"/k", b"x" * 300 * KIB)
    await bench.shop.settle()
    got = []
    with bench.shop.held():
        bench.cache.load(entry, got.append)
        await turns()
        bench.unlink_victim()
    await bench.shop.settle()
    assert got == [None]
    assert bench.cache.counts.disk_damaged == 0
    assert bench.cache.peek(b"/k", {}) is None


async def test_a_load_whose_entry_left_before_it_began(bench):
    entry = bench.keep(b"/k", b"x" * 300 * KIB)
    await bench.shop.settle()
    got = []
    bench.cache.load(entry, got.append)
    bench.cache.forget(entry)
    await bench.shop.settle()
    assert got == [None]


async def test_without_a_disk_nothing_is_written(ram):
    ram.keep(b"/k")
    assert isinstance(ram.cache, SegmentCache)
    assert not ram.shop.tasks
    entry = response(ram.clock, b"/k")
    ram.cache.tiers.writer.write_head_later(entry)
    ram.cache.tiers.adopt([entry])
    assert not ram.shop.tasks
    assert ram.cache.stats()["objects"] == 1


async def test_a_fill_that_fails_leaves_what_was_stored(ram):
    """A broken fetch is no news of the object."""
    ram.keep(b"/k", b"hello")
    fill = ram.cache.start_fill(b"/k")
    fill.fail(UpstreamFailed(UpstreamReason.TRUNCATED))
    ram.cache.end_fill(fill)
    assert await ram.serve(b"/k") == b"hello"
