"""Heads that a 304 made new (bodies on their way to disk: test_cache)."""

import errno
import os

import pytest

from cache.cache import PurgeRequest
from kernel.http.freshness import GENERAL, assess
from tests.cache.workbench import Bench
from tests.doubles.clock import turns


@pytest.fixture
def bench(tmp_path):
    made = Bench(tmp_path / "cache")
    yield made
    made.end()


def freshened(bench, entry, *fields, cc=b"max-age=600"):
    fields = [(b"cache-control", cc), *fields]
    wall = bench.clock.wall()
    verdict = assess(b"GET", {}, 200, fields, GENERAL, request_wall=wall, response_wall=wall)
    bench.cache.freshen(entry, fields, verdict, doomed=False)


def restarted(bench):
    bench.end()
    return Bench(bench.disk.folder, clock=bench.clock)


async def test_a_304_survives_a_restart_and_the_file_stays_as_it_was(bench):
    entry = bench.keep(b"/k", b"hello", (b"a", b"old"), (b"surrogate-key", b"one"))
    await bench.shop.settle()
    (name,) = bench.files()
    raw = (bench.disk.folder / "objects" / name[:2] / name).read_bytes()
    await bench.clock.advance(100)
    freshened(bench, entry, (b"a", b"new"), (b"surrogate-key", b"two"))
    await bench.shop.settle()
    assert bench.files() == [name, name + ".head"]
    assert (bench.disk.folder / "objects" / name[:2] / name).read_bytes() == raw
    later = restarted(bench)
    again = later.cache.peek(b"/k", {})
    assert later.fresh(b"/k")
    assert await later.cache.load_head(again)
    assert dict(again.fields)[b"a"] == b"new"
    later.cache.tiers.ram.drop(again)
    assert await later.serve(b"/k") == b"hello"
    assert await later.cache.purge(PurgeRequest(keys=(b"one",))) == 0
    assert await later.cache.purge(PurgeRequest(keys=(b"two",))) == 1
    assert later.files() == []
    later.end()


async def test_many_304s_cost_one_write_at_a_time_and_the_last_counts(bench):
    entry = bench.keep(b"/k", b"hello")
    await bench.shop.settle()
    begun = bench.shop.begun
    with bench.shop.held():
        for number in range(10):
            freshened(bench, entry, (b"a", b"%d" % number))
            await turns()
    await bench.shop.settle()
    assert bench.shop.begun - begun == 2
    entry.release_head()
    assert await bench.cache.load_head(entry)
    assert dict(entry.fields)[b"a"] == b"9"


async def test_a_304_while_the_body_is_written(bench):
    with bench.shop.held():
        entry = bench.keep(b"/k", b"hello")
        await turns()
        freshened(bench, entry, (b"a", b"new"))
    await bench.shop.settle()
    bench.cold(entry)
    assert await bench.cache.load_head(entry)
    assert dict(entry.fields)[b"a"] == b"new"
    assert await bench.serve(b"/k") == b"hello"


@pytest.mark.parametrize("soft", [False, True])
@pytest.mark.parametrize("index", [True, False])
async def test_a_purge_while_the_head_is_written(bench, soft, index):
    """The receipt waits; nothing of the 304 makes the object fresh, or brings it back, at the next start."""
    entry = bench.keep(b"/k", b"hello")
    await bench.shop.settle()
    with bench.shop.held():
        freshened(bench, entry)
        await turns()
        purge = bench.cache.purge(PurgeRequest(urls=(b"/k",), soft=soft))
        bench.shop.spawn(purged := result(purge))
        await turns(10)
        assert purged.cr_frame is not None, "no receipt yet"
    await bench.shop.settle()
    assert len(bench.files()) == (2 if soft else 0)
    later = restarted(bench)
    assert not later.fresh(b"/k")
    assert (await later.serve(b"/k") is None) is not soft
    later.end()


async def result(purge):
    assert await purge == 1


async def test_a_head_that_cannot_be_written_takes_the_file_along(bench, monkeypatch):
    """What is on disk would not be what holds: from RAM it is served on."""
    entry = bench.keep(b"/k", b"hello")
    await bench.shop.settle()

    def failing(*_):
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(os, "writev", failing)
    freshened(bench, entry, cc=b"no-store")
    await bench.shop.settle()
    monkeypatch.undo()
    assert (entry.disk, bench.files()) == (None, [])
    assert await bench.serve(b"/k") == b"hello"
    later = restarted(bench)
    assert later.cache.peek(b"/k", {}) is None
    later.end()
