"""The segment cache: storing, looking up, moving between tiers (purge and restart have files of their own)."""

import gc
import os
from pathlib import Path

import pytest

from cache import cache as module
from cache.body import DiskBody
from kernel.http.freshness import GENERAL, assess
from tests.cache.workbench import MIB, Bench, cut, flip, junk, spoilt
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


def fill_ram(bench, *, tag=b"/other/"):
    """Push everything else out of RAM."""
    for number in range(40):
        assert bench.keep(tag + b"%d" % number, b"x" * 60 * KIB)


# -- RAM only ----------------------------------------------------------------------------------------------------------


async def test_stored_and_looked_up(ram):
    assert await ram.serve(b"/k") is None
    entry = ram.keep(b"/k", b"hello")
    assert ram.cache.peek(b"/k", {}) is entry
    assert entry.length == 5
    assert await ram.serve(b"/k") == b"hello"
    stats = ram.cache.stats()
    assert (stats["ram_bytes"], stats["disk_bytes"], stats["objects"]) == (entry.warm_cost, 0, 1)
    assert (stats["fills_running"], stats["disk_resting"], stats["disk_stuck"]) == (0, 0, 0)


async def test_alternates_by_vary(ram):
    for foo in (b"1", b"2"):
        ram.keep(b"/k", b"for " + foo, (b"vary", b"Foo"), request={b"foo": foo})
    assert await ram.serve(b"/k", {b"foo": b"1"}) == b"for 1"
    assert await ram.serve(b"/k", {b"foo": b"2"}) == b"for 2"
    assert await ram.serve(b"/k", {}) is None


async def test_a_newer_response_replaces_the_older(ram):
    old = ram.keep(b"/k", b"old")
    new = ram.keep(b"/k", b"newer")
    assert await ram.serve(b"/k") == b"newer"
    assert old.body is None
    assert ram.cache.ram.used == new.warm_cost


async def test_over_its_budget_ram_lets_go_and_the_object_is_gone(ram):
    first = ram.keep(b"/first", b"x" * 60 * KIB)
    fill_ram(ram)
    assert ram.cache.ram.used <= MIB
    assert ram.cache.peek(b"/first", {}) is None
    assert first.body is None
    assert ram.cache.counts.evicted_ram > 0
    assert len(ram.cache.tiers.index) == len(ram.ram_policy)


def test_too_large_for_any_tier(ram):
    assert not ram.cache.fits(MIB)
    assert ram.keep(b"/k", b"x" * MIB) is None
    assert ram.cache.peek(b"/k", {}) is None
    assert ram.cache.counts.disk_skipped == 0


async def test_an_entry_that_lives_nowhere_is_a_miss(ram):
    entry = ram.keep(b"/k")
    ram.cache.ram.drop(entry)
    assert await ram.serve(b"/k") is None
    assert ram.cache.peek(b"/k", {}) is None


def test_touch_tells_the_tier_that_holds_the_body(ram):
    entry = ram.keep(b"/k")
    ram.cache.touch(entry)
    assert ram.ram_policy.hits(entry) == 1
    ram.cache.forget(entry)
    ram.cache.touch(entry)


async def test_running_fills_are_found_until_they_end(ram):
    one = ram.cache.start_fill(b"/k")
    two = ram.cache.start_fill(b"/k", stale=ram.keep(b"/k"))
    ram.cache.end_fill(one)
    assert list(ram.cache.fill_table)[-1] is two
    assert ram.cache.stats()["fills_running"] == 1
    ram.cache.end_fill(two)
    ram.cache.end_fill(two)
    assert not ram.cache.fill_table


async def test_hit_for_miss(ram):
    now = ram.clock.mono()
    ram.cache.remember_miss(b"/k", 10.0)
    assert ram.cache.is_hit_for_miss(b"/k", now + 9)
    assert not ram.cache.is_hit_for_miss(b"/k", now + 10)
    ram.keep(b"/k")
    assert not ram.cache.is_hit_for_miss(b"/k", now)


def freshened(bench, entry, *fields, doomed=False):
    verdict = assess(
        b"GET", {}, 200, list(fields), GENERAL, request_wall=bench.clock.wall(), response_wall=bench.clock.wall()
    )
    bench.cache.freshen(entry, list(fields), verdict, doomed=doomed)


async def test_a_304_brings_new_times_and_surrogate_keys(ram):
    entry = ram.keep(b"/k", b"x", (b"surrogate-key", b"old both"))
    await ram.clock.advance(100)
    assert not ram.fresh(b"/k")
    freshened(ram, entry, (b"cache-control", b"max-age=60"), (b"surrogate-key", b"both new"))
    assert ram.fresh(b"/k")
    for keys, count in ((b"old", 0), (b"new", 1)):
        assert await ram.cache.purge(module.PurgeRequest(keys=(keys,))) == count


async def test_a_304_asked_for_before_a_purge_makes_nothing_fresh(ram):
    entry = ram.keep(b"/k", b"x")
    fill = ram.cache.start_fill(b"/k", entry)
    await ram.cache.purge(module.PurgeRequest(urls=(b"/k",), soft=True))
    freshened(ram, entry, (b"cache-control", b"max-age=60"), doomed=fill.purged)
    assert not ram.fresh(b"/k")


async def test_a_304_for_an_entry_that_is_gone_leaves_no_trace(ram):
    entry = ram.keep(b"/k", b"x", (b"surrogate-key", b"a"))
    ram.cache.forget(entry)
    freshened(ram, entry, (b"cache-control", b"max-age=60"), (b"surrogate-key", b"b"))
    assert not list(ram.cache.tiers.index.candidates(module.PurgeRequest(keys=(b"a", b"b"))))


# -- two tiers ---------------------------------------------------------------------------------------------------------


async def test_out_of_ram_it_is_served_from_disk_and_comes_back_to_ram(bench):
    entry = bench.keep(b"/k", b"hello")
    await bench.shop.settle()
    fill_ram(bench)
    await bench.shop.settle()
    assert entry.body is None
    assert entry.disk is not None
    bench.cache.touch(entry)
    assert await bench.serve(b"/k") == b"hello"
    assert entry.body is not None
    assert bench.cache.counts.loads == 1


async def test_an_object_too_large_for_ram_lives_on_disk(bench):
    body = os.urandom(300 * KIB)
    entry = bench.keep(b"/k", body)
    assert entry.body is None
    assert await bench.serve(b"/k") == body, "from what is on its way to disk"
    await bench.shop.settle()
    assert bench.cache.counts.loads == 0
    assert await bench.serve(b"/k") == body
    assert bench.cache.counts.loads == 1
    assert entry.body is None


async def test_while_it_is_written_it_is_served(bench):
    with bench.shop.held():
        entry = bench.keep(b"/k", b"hello")
        await turns()
        fill_ram(bench)
        assert entry.body is None
        got = []
        bench.cache.load(entry, got.append)
        assert got == [b"hello"]
    await bench.shop.settle()
    assert await bench.serve(b"/k") == b"hello"


async def test_evicted_from_both_tiers_it_is_gone_with_its_file(tmp_path):
    bench = Bench(tmp_path / "cache", disk=2 * MIB)
    for number in range(100):
        bench.keep(b"/%d" % number, b"x" * 60 * KIB)
        await bench.shop.settle()
    assert bench.disk.used <= 2 * MIB
    assert bench.cache.counts.evicted_disk > 0
    held = [entry for number in range(100) for entry in bench.cache.tiers.index.get(b"/%d" % number)]
    assert len(bench.files()) == sum(entry.disk is not None for entry in held) < 40
    assert all(entry.body is not None or entry.disk is not None for entry in held)
    assert not bench.cache.tiers.remover
    bench.end()


async def test_many_waiters_cost_one_read(bench):
    entry = bench.keep(b"/k", b"x" * 300 * KIB)
    await bench.shop.settle()
    got = []
    with bench.shop.held():
        for _ in range(50):
            bench.cache.load(entry, got.append)
        await turns()
        assert not got
    await bench.shop.settle()
    assert len(got) == 50
    assert bench.cache.counts.loads == 1


async def test_too_many_bytes_on_their_way_to_disk_stay_in_ram_only(tmp_path, monkeypatch):
    monkeypatch.setattr("cache.disk.disk_writer.MAX_QUEUED_BYTES", 100 * KIB)
    bench = Bench(tmp_path / "cache")
    with bench.shop.held():
        assert bench.keep(b"/1", b"x" * 90 * KIB)
        assert bench.keep(b"/2", b"x" * 90 * KIB)
        assert bench.keep(b"/3", b"x" * 300 * KIB) is None, "neither RAM nor the way to disk takes it"
    await bench.shop.settle()
    assert bench.cache.counts.disk_skipped == 2
    assert len(bench.files()) == 1
    assert bench.cache.tiers.writer.bytes == 0
    assert await bench.serve(b"/2") == b"x" * 90 * KIB
    bench.end()


async def test_the_books_of_writing_agree_when_a_304_comes_meanwhile(bench):
    with bench.shop.held():
        entry = bench.keep(b"/k")
        await turns()
        freshened(bench, entry, (b"cache-control", b"max-age=60"), (b"much", b"more" * 100))
    await bench.shop.settle()
    assert bench.cache.tiers.writer.bytes == 0


async def test_replaced_while_it_is_written_only_the_newer_file_stays(bench):
    with bench.shop.held():
        bench.keep(b"/k", b"old")
        await turns()
        bench.keep(b"/k", b"new")
        await turns()
    await bench.shop.settle()
    assert len(bench.files()) == 1
    assert await bench.serve(b"/k") == b"new"


# -- bodies that are files of the disk tier ----------------------------------------------------------------------------


@pytest.fixture
def filed(tmp_path):
    made = Bench(tmp_path / "cache", files=True)
    yield made
    made.end()


async def test_a_large_body_in_ram_becomes_the_file_that_was_written(filed):
    body = os.urandom(100 * KIB)
    entry, small = filed.keep(b"/k", body), filed.keep(b"/small", b"x")
    assert entry.body is body
    await filed.shop.settle()
    assert isinstance(entry.body, DiskBody)
    assert small.body == b"x"
    assert await filed.serve(b"/k") == body
    assert filed.cache.is_servable(entry, entry.body, filed.clock.mono())
    assert filed.cache.is_servable(small, small.body, filed.clock.mono())
    filed.cache.ram.drop(entry)
    assert await filed.serve(b"/k") == body
    assert isinstance(entry.body, DiskBody)


@pytest.mark.parametrize("spoil", [flip, cut, junk])
async def test_a_body_whose_file_somebody_changed_is_read_again_and_found_damaged(filed, spoil):
    entry = filed.keep(b"/k", os.urandom(100 * KIB))
    await filed.shop.settle()
    spoilt(filed, entry, spoil)
    assert not filed.cache.is_servable(entry, entry.body, filed.clock.mono())
    assert await filed.serve(b"/k") is None
    assert filed.cache.counts.disk_damaged == 1


async def test_unsound_and_no_longer_on_disk_it_is_gone(filed):
    entry = filed.keep(b"/k", os.urandom(100 * KIB))
    await filed.shop.settle()
    spoilt(filed, entry, cut)
    filed.unlink_victim()
    assert filed.cache.peek(b"/k", {}) is entry, "RAM has it still"
    assert not filed.cache.is_servable(entry, entry.body, filed.clock.mono())
    assert filed.cache.peek(b"/k", {}) is None


async def test_a_verified_file_that_is_open_still_is_served_without_a_read(filed, monkeypatch):
    """After it has left RAM, as long as nobody has changed it."""
    body = os.urandom(100 * KIB)
    entry = filed.keep(b"/k", body)
    await filed.shop.settle()
    for number in range(20):
        filed.keep(b"/%d" % number, os.urandom(100 * KIB))
        await filed.shop.settle()
    assert entry.body is None
    monkeypatch.setattr(filed.disk, "read_body", None)
    assert await filed.serve(b"/k") == body
    assert isinstance(entry.body, DiskBody)
    assert filed.cache.reopen_body(entry, filed.clock.mono()) is None, "it is in RAM: there is nothing to bring back"


@pytest.mark.parametrize("spoil", [flip, cut, junk])
async def test_an_open_file_that_somebody_changed_is_not_served(filed, spoil):
    """Though it was verified when it was opened."""
    entry = filed.keep(b"/k", os.urandom(100 * KIB))
    await filed.shop.settle()
    for number in range(20):
        filed.keep(b"/%d" % number, os.urandom(100 * KIB))
        await filed.shop.settle()
    assert entry.body is None
    spoilt(filed, entry, spoil)
    assert await filed.serve(b"/k") is None
    assert filed.cache.counts.disk_damaged == 1


async def test_large_bodies_evicted_and_purged_close_their_files(filed, monkeypatch):
    monkeypatch.setattr("cache.tiers.MAX_CACHED_HEADS", 4)
    gc.collect()  # what earlier tests left open
    before = len(list(Path("/proc/self/fd").iterdir()))
    for number in range(30):
        filed.keep(b"/%d" % number, os.urandom(100 * KIB))
        await filed.shop.settle()
    assert len(list(Path("/proc/self/fd").iterdir())) - before <= MIB // (100 * KIB) + 4
    await filed.cache.purge(module.PurgeRequest(everything=True))
    assert len(list(Path("/proc/self/fd").iterdir())) == before
