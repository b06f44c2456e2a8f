"""Purge: after the receipt nothing old is served, nor at the next start, whatever was under way."""

import asyncio
from itertools import pairwise

import pytest

from cache.cache import PurgeRequest
from cache.entry import Entry
from cache.fills.fill_state import FillState
from cache.purge import STEP
from tests.cache.workbench import MIB, Bench, response
from tests.doubles.clock import turns

LARGE = b"x" * 300 * 1024
ALL = {b"/a/1": b"one odd", b"/a/2": b"two even", b"/b/1": b"three odd"}
REQUESTS = [
    (PurgeRequest(urls=(b"/a/1", b"/nowhere")), {b"/a/1"}),
    (PurgeRequest(prefixes=(b"/a/",)), {b"/a/1", b"/a/2"}),
    (PurgeRequest(keys=(b"odd", b"none")), {b"/a/1", b"/b/1"}),
    (PurgeRequest(everything=True), set(ALL)),
    (PurgeRequest(keys=(b"nothing",)), set()),
    (PurgeRequest(), set()),
]


@pytest.fixture
def bench(tmp_path):
    made = Bench(tmp_path / "cache")
    yield made
    made.end()


def restarted(bench):
    bench.end()
    return Bench(bench.disk.folder, clock=bench.clock)


async def stored(bench, body=b"small", **more):
    for key, keys in ALL.items():
        bench.keep(key, body, (b"surrogate-key", keys), **more)
    await bench.shop.settle()


@pytest.mark.parametrize("body", [b"small", LARGE])
@pytest.mark.parametrize(("request_", "reached"), REQUESTS)
async def test_hard(bench, request_, reached, body):
    """Gone from RAM, disk and the next start; the others stay."""
    await stored(bench, body)
    assert await bench.cache.purge(request_) == len(reached)
    for _ in range(2):
        assert {key for key in ALL if await bench.serve(key) is None} == reached
        assert len(bench.files()) == len(ALL) - len(reached)
        bench = restarted(bench)
    assert bench.cache.counts.purged == 0
    bench.end()


@pytest.mark.parametrize("body", [b"small", LARGE])
@pytest.mark.parametrize(("request_", "reached"), REQUESTS)
async def test_soft(bench, request_, reached, body):
    """Still there and stale, also at the next start."""
    await stored(bench, body)
    soft = PurgeRequest(request_.keys, request_.urls, request_.prefixes, request_.everything, soft=True)
    assert await bench.cache.purge(soft) == len(reached)
    assert bench.cache.counts.purged == len(reached)
    for _ in range(2):
        assert {key for key in ALL if not bench.fresh(key)} == reached
        assert [await bench.serve(key) for key in ALL] == [body] * 3
        bench = restarted(bench)
    bench.end()


async def test_softly_purged_it_is_stale_by_its_own_windows(bench):
    """A soft purge does not let an object be served stale that forbids it (RFC 9111 §4.2.4)."""
    may = bench.keep(b"/may", b"x", cc=b"max-age=600, stale-while-revalidate=10")
    must = bench.keep(b"/must", b"x", cc=b"max-age=600, must-revalidate")
    await bench.cache.purge(PurgeRequest(everything=True, soft=True))
    now = bench.clock.mono()
    assert (may.swr_until, must.swr_until, must.sie_until) == (now + 10, now, now)


async def test_all_alternates_of_a_key_and_only_the_marked_one_of_a_surrogate_key(bench):
    for foo in (b"1", b"2"):
        bench.keep(b"/k", b"x", (b"vary", b"foo"), (b"surrogate-key", b"s" + foo), request={b"foo": foo})
    assert await bench.cache.purge(PurgeRequest(keys=(b"s1",))) == 1
    assert await bench.serve(b"/k", {b"foo": b"2"}) == b"x"
    bench.keep(b"/k", b"x", (b"vary", b"foo"), request={b"foo": b"1"})
    assert await bench.cache.purge(PurgeRequest(urls=(b"/k",))) == 2
    assert await bench.cache.purge(PurgeRequest(urls=(b"/k",))) == 0
    assert bench.cache.stats()["objects"] == 0


# -- against what is under way -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("soft", [False, True])
async def test_a_running_fill_stores_nothing_and_takes_nobody_more(bench, soft):
    fill = bench.cache.start_fill(b"/k")
    entry = response(bench.clock, b"/k", (b"surrogate-key", b"s"))
    fill.receive_head(entry, kept=True)
    fill.append_body(b"old")
    assert await bench.cache.purge(PurgeRequest(keys=(b"s",), soft=soft)) == 0
    assert not bench.cache.fill_table
    assert (fill.state, fill.is_joinable) == (FillState.PASSING_THROUGH, False)
    assert fill.end() is None
    again = bench.cache.start_fill(b"/k")
    bench.cache.end_fill(fill)
    assert list(bench.cache.fill_table) == [again], "the end of the old one is not the end of the new one"


@pytest.mark.parametrize(
    ("request_", "doomed"),
    [
        (PurgeRequest(urls=(b"/k",)), True),
        (PurgeRequest(prefixes=(b"/",)), True),
        (PurgeRequest(keys=(b"any",)), True),
        (PurgeRequest(everything=True), True),
        (PurgeRequest(urls=(b"/other",), prefixes=(b"/o",)), False),
    ],
)
async def test_a_fill_without_a_head_yet(bench, request_, doomed):
    """Nobody knows its surrogate keys: a purge of any reaches it."""
    fill = bench.cache.start_fill(b"/k")
    await bench.cache.purge(request_)
    assert (fill.purged, list(bench.cache.fill_table)) == (doomed, [] if doomed else [fill])


async def test_a_fill_with_other_surrogate_keys_goes_on(bench):
    fill = bench.cache.start_fill(b"/k")
    fill.receive_head(response(bench.clock, b"/k", (b"surrogate-key", b"s")), kept=True)
    await bench.cache.purge(PurgeRequest(keys=(b"t",)))
    assert fill.is_joinable


async def receipt(bench, request_):
    """A purge under way, and whether its receipt has come."""
    task = asyncio.get_running_loop().create_task(bench.cache.purge(request_))
    await turns(10)
    return task


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("soft", [False, True])
async def test_a_running_write(bench, soft, after):
    """No receipt before the file is gone, or marked: or a kill then would bring the old bytes back."""
    with bench.shop.held(after=after):
        bench.keep(b"/k", LARGE)
        await turns()
        purge = await receipt(bench, PurgeRequest(urls=(b"/k",), soft=soft))
        assert not purge.done()
        assert (await_peek(bench) is None) is not soft
    assert await purge == 1
    assert len(bench.files()) == int(soft)
    later = restarted(bench)
    assert not later.fresh(b"/k")
    assert await later.serve(b"/k") == (LARGE if soft else None)
    later.end()


def await_peek(bench):
    return bench.cache.peek(b"/k", {})


async def test_a_running_write_of_what_was_replaced_already(bench):
    """The old object's file is still to appear; the index does not know it any more."""
    with bench.shop.held(after=True):
        bench.keep(b"/k", b"old")
        await turns()
        bench.keep(b"/k", b"new")
        await turns()
        purge = await receipt(bench, PurgeRequest(urls=(b"/k",)))
        assert not purge.done()
    assert await purge == 1
    assert bench.files() == []


async def test_a_removal_that_has_not_run_yet(bench):
    """Replaced, its old file not yet unlinked: the receipt waits for that as well."""
    bench.keep(b"/k", b"old")
    await bench.shop.settle()
    (old,) = bench.files()
    with bench.shop.held():
        bench.keep(b"/k", b"new")
        await turns()
    assert await bench.cache.purge(PurgeRequest(urls=(b"/k",))) == 1
    assert old not in bench.files()
    await bench.shop.settle()
    assert bench.files() == []
    assert not bench.cache.tiers.remover


@pytest.mark.parametrize("after", [False, True])
async def test_a_running_load(bench, after):
    """Who asked before may get the old bytes; nobody after, and RAM does not take them in again."""
    entry = bench.keep(b"/k", LARGE[: 100 * 1024])
    await bench.shop.settle()
    bench.cache.ram.drop(entry)
    got = []
    with bench.shop.held(after=after):
        bench.cache.load(entry, got.append)
        await turns()
        purge = await receipt(bench, PurgeRequest(urls=(b"/k",)))
        assert bench.cache.peek(b"/k", {}) is None
    await bench.shop.settle()
    assert await purge == 1
    assert entry.body is None
    assert len(got) == 1
    assert (bench.cache.ram.used, bench.cache.counts.disk_damaged, bench.files()) == (0, 0, [])
    assert await bench.serve(b"/k") is None


async def test_two_purges_of_one_object_that_is_being_written(bench):
    with bench.shop.held():
        bench.keep(b"/k", LARGE)
        await turns()
        both = [await receipt(bench, PurgeRequest(urls=(b"/k",))) for _ in range(2)]
        assert not any(one.done() for one in both)
    assert [await one for one in both] == [1, 0]
    assert bench.files() == []


async def test_an_object_stored_after_the_purge_stays(bench):
    bench.keep(b"/k", b"old")
    await bench.cache.purge(PurgeRequest(urls=(b"/k",)))
    bench.keep(b"/k", b"new")
    await bench.shop.settle()
    assert await bench.serve(b"/k") == b"new"
    later = restarted(bench)
    assert await later.serve(b"/k") == b"new"
    later.end()


# -- many --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("request_", [PurgeRequest(keys=(b"film",)), PurgeRequest(prefixes=(b"/film/",))])
async def test_many_thousand_objects_go_and_the_loop_turns_meanwhile(request_):
    """Hits go on during a large purge: never more than a step of it at a time."""
    bench, count = Bench(ram=1024 * MIB), 20_000
    fields = [(b"surrogate-key", b"film")]
    for number in range(count):
        bench.cache.store(Entry(b"/film/%d" % number, 200, fields, 1), b"x")
    stays = bench.keep(b"/stays")
    seen = []

    async def watch():
        while not purge.done():
            seen.append(len(bench.cache.tiers.index))
            assert bench.cache.peek(b"/stays", {}) is stays
            await asyncio.sleep(0)

    purge = asyncio.get_running_loop().create_task(bench.cache.purge(request_))
    await watch()
    assert await purge == count
    assert len(seen) > count // STEP
    assert max(before - after for before, after in pairwise(seen)) <= STEP
    assert len(bench.cache.tiers.index) == 1
    assert not list(bench.cache.tiers.index.candidates(PurgeRequest(keys=(b"film",))))
    assert bench.cache.ram.used == stays.warm_cost
