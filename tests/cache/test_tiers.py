"""Moves between the tiers: promotion, demotion, cold and warm, slices and their whole, and what an object costs."""

import sys
import tracemalloc

import pytest

from cache import tiers as module
from cache.cache import PurgeRequest
from cache.entry import Entry
from cache.eviction.admission import OnSecondFetch
from cache.eviction.choice import POLICIES
from cache.index import Index
from cache.interning import intern
from cache.slices import slice_key
from tests.cache.workbench import MIB, Bench, response

KIB = 1024


@pytest.fixture
def bench(tmp_path):
    made = Bench(tmp_path / "cache")
    yield made
    made.end()


@pytest.fixture
def second(bench):
    """Written when fetched again."""
    bench.disk.admission = OnSecondFetch(16 * MIB)
    return bench


async def others(bench, count=40):
    """Push what is not wanted out of RAM."""
    for number in range(count):
        bench.keep(b"/other/%d" % number, b"x" * 60 * KIB)
    await bench.shop.settle()


async def test_promotion_and_demotion_write_nothing_that_is_on_disk(bench):
    entry = bench.keep(b"/k", b"hello")
    await bench.shop.settle()
    written = bench.cache.counts.disk_written
    for _ in range(3):
        bench.cold(entry)
        assert await bench.serve(b"/k") == b"hello"
        bench.cache.touch(entry)
    assert bench.cache.counts.disk_written == written


async def test_wanted_in_ram_and_not_on_disk_it_is_written_when_it_leaves(second):
    wanted, unwanted = second.keep(b"/wanted", b"w" * 60 * KIB), second.keep(b"/unwanted", b"u" * 60 * KIB)
    second.cache.touch(wanted)
    await others(second, 60)
    assert (wanted.disk, unwanted.disk) == (None, None), "one round more for the hit"
    await others(second, 20)
    for number in range(40):
        second.keep(b"/more/%d" % number, b"x" * 60 * KIB)
        await second.shop.settle()
        second.cache.touch(second.cache.peek(b"/more/%d" % number, {}) or wanted)
    assert wanted.body is None
    assert wanted.disk is not None
    assert second.cache.counts.demoted > 0
    assert await second.serve(b"/wanted") == b"w" * 60 * KIB
    assert await second.serve(b"/unwanted") is None


async def test_off_disk_and_in_ram_it_goes_on_from_there(bench):
    entry = bench.keep(b"/k", b"hello")
    await bench.shop.settle()
    await bench.evict_from_disk()
    assert (entry.disk, bench.files()) == (None, [])
    assert await bench.serve(b"/k") == b"hello"
    assert bench.cache.counts.evicted_disk == 1


async def test_what_left_ram_grows_cold_and_is_warmed(bench, monkeypatch):
    monkeypatch.setattr(module, "MAX_CACHED_HEADS", 3)
    entry = bench.keep(b"/k", b"hello", (b"etag", b'"1"'), (b"cache-status", b"s1; hit"))
    told = entry.stored_head
    await bench.shop.settle()
    await others(bench)
    assert (entry.cold, entry.body) == (True, None)
    assert await bench.cache.load_head(entry)
    assert entry.stored_head == told
    assert entry.body is None
    assert await bench.serve(b"/k") == b"hello"
    await others(bench)
    assert entry.cold
    assert await bench.serve(b"/k") == b"hello"
    assert entry.stored_head == told


async def test_the_head_that_a_running_fill_needs_stays_warm(bench, monkeypatch):
    monkeypatch.setattr(module, "MAX_CACHED_HEADS", 3)
    entry = bench.keep(b"/k", b"hello", (b"etag", b'"1"'))
    await bench.shop.settle()
    fill = bench.cache.start_fill(b"/k", entry)
    await others(bench)
    assert (entry.body, entry.etag) == (None, b'"1"')
    bench.cache.end_fill(fill)
    await others(bench, 50)
    bench.cache.ram.drop(entry)
    for number in range(6):
        bench.cache.tiers.release_head(bench.cache.peek(b"/other/%d" % (number + 40), {}))
    assert entry.cold


def in_slices(bench, *, mark=b'"1"', length=250 * KIB, numbers=(0, 1, 2)):
    whole = response(bench.clock, b"/film", (b"surrogate-key", b"film"), length=length)
    whole.slice, whole.mark = 100 * KIB, mark
    assert bench.cache.store(whole, b"")
    for number in numbers:
        part = response(bench.clock, slice_key(b"/film", number), (b"surrogate-key", b"film"), status=206)
        part.mark = mark
        assert bench.cache.store(part, b"%d" % number * 50 * KIB)
    return whole


def stored_slices(bench):
    return [number for number in range(3) if bench.cache.peek(slice_key(b"/film", number), {}) is not None]


@pytest.mark.parametrize("on_disk", [True, False])
async def test_the_whole_has_no_body_and_takes_its_slices_along(bench, on_disk):
    bench = bench if on_disk else Bench()
    whole = in_slices(bench)
    await bench.shop.settle()
    assert (whole.body, whole.length, stored_slices(bench)) == (None, 250 * KIB, [0, 1, 2])
    bench.cache.touch(whole)
    bench.cache.forget(whole)
    await bench.shop.settle()
    assert stored_slices(bench) == []
    assert bench.cache.stats()["objects"] == 0
    assert not on_disk or bench.files() == []


@pytest.mark.parametrize(("more", "kept"), [({}, [0, 1, 2]), ({"mark": b'"2"'}, []), ({"length": 251 * KIB}, [])])
async def test_the_slices_of_a_whole_that_is_replaced_by_the_same_stay(bench, more, kept):
    in_slices(bench)
    in_slices(bench, numbers=(), **more)
    await bench.shop.settle()
    assert stored_slices(bench) == kept


async def test_the_whole_evicted_from_all_tiers_takes_its_slices_along():
    bench = Bench()
    in_slices(bench)
    await others(bench)
    assert bench.cache.peek(b"/film", {}) is None
    assert stored_slices(bench) == []


async def test_slices_come_back_with_their_whole_and_go_without_it(bench):
    whole = in_slices(bench)
    await bench.shop.settle()
    name = bench.file(whole)
    bench.end()
    later = Bench(bench.disk.folder, clock=bench.clock)
    assert stored_slices(later) == [0, 1, 2]
    again = later.cache.peek(b"/film", {})
    assert again.cold
    assert await later.cache.load_head(again)
    assert (again.slice, again.mark, again.length) == (100 * KIB, b'"1"', 250 * KIB)
    assert later.cache.tiers.in_ram(again), "its head is worth its place"
    later.end()
    (later.disk.folder / "objects" / name[:2] / name).unlink()
    last = Bench(bench.disk.folder, clock=bench.clock)
    await last.shop.settle()
    assert stored_slices(last) == []
    assert last.files() == []
    last.end()


@pytest.mark.parametrize("request_", [{"urls": (b"/film",)}, {"keys": (b"film",)}, {"prefixes": (b"/f",)}])
@pytest.mark.parametrize("soft", [False, True])
async def test_a_purge_counts_an_object_in_slices_once(bench, request_, soft):
    in_slices(bench)
    await bench.shop.settle()
    assert await bench.cache.purge(PurgeRequest(**request_, soft=soft)) == 1
    assert stored_slices(bench) == ([0, 1, 2] if soft else [])
    assert not any(bench.fresh(slice_key(b"/film", number)) for number in range(3))


def test_an_object_that_is_only_on_disk_takes_at_most_600_bytes():
    """Entry, key, tables, policy and both ghosts in steady state, a surrogate key a title; by tracemalloc."""
    count, size = 10_000, 1 << 20
    index, policy, admission = Index(), POLICIES["s3fifo"](count * size), OnSecondFetch(count * size)
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        for number in range(2 * count):
            title, segment = divmod(number, 1000)
            entry = Entry(
                b"/cdn/tt%07d-a-film-of-ours/v720-2/%05d.m4s" % (title, segment), 200, None, size - 5000 + segment
            )
            entry.surrogates = intern((b"tt%07d" % title,))
            entry.windows = intern((60.0, 600.0, False))
            entry.born = number / 7
            entry.fresh_until, entry.disk = entry.born + 86400.0, number + 1000
            admission.admits(entry.key, size)
            index.insert(entry)
            policy.insert(entry, size)
            while policy.used > count * size:
                index.remove(policy.evict())
        after = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
    assert len(index) == count
    assert (after - before) / count <= 600
    assert sys.getsizeof(entry) <= 200
