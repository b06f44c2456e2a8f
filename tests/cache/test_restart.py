"""Restart and kill -9: what is served afterwards is what was written, and not what was purged."""

import hashlib
import os
import random
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from cache.cache import PurgeRequest
from tests.cache.workbench import MIB, Bench
from tests.doubles.clock import FakeClock

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def clock():
    return FakeClock()


@pytest.fixture
def bench(tmp_path, clock):
    return Bench(tmp_path / "cache", clock=clock)


def restarted(bench, **more):
    bench.end()
    return Bench(bench.disk.folder, clock=bench.clock, **more)


async def test_all_that_was_stored_is_there_again(bench):
    bodies = {b"/%d" % number: os.urandom(number * 1000) for number in range(50)}
    for key, body in bodies.items():
        bench.keep(key, body, (b"surrogate-key", b"s"), (b"etag", b'"x"'))
    await bench.shop.settle()
    before = bench.disk.used
    later = restarted(bench)
    assert later.disk.used == before
    assert {key: await later.serve(key) for key in bodies} == bodies
    assert all(later.fresh(key) for key in bodies)
    assert await later.cache.purge(PurgeRequest(keys=(b"s",))) == 50
    later.end()


async def test_time_goes_on_while_it_is_down(bench, clock):
    bench.keep(b"/k", b"x", (b"age", b"20"))
    await bench.shop.settle()
    clock.epoch += 39
    later = restarted(bench)
    assert later.fresh(b"/k")
    clock.epoch += 2
    later = restarted(later)
    assert not later.fresh(b"/k")
    assert await later.serve(b"/k") == b"x"
    later.end()


async def test_a_wall_clock_set_back_makes_nothing_younger(bench, clock):
    bench.keep(b"/k", b"x", (b"age", b"50"))
    await bench.shop.settle()
    clock.epoch -= 86400
    later = restarted(bench)
    assert later.cache.peek(b"/k", {}).fresh_until - clock.mono() == pytest.approx(10)
    later.end()


async def test_alternates_come_back(bench):
    for foo in (b"1", b"2"):
        bench.keep(b"/k", b"for " + foo, (b"vary", b"foo"), request={b"foo": foo})
    await bench.shop.settle()
    later = restarted(bench)
    assert [await later.serve(b"/k", {b"foo": foo}) for foo in (b"1", b"2", b"3")] == [b"for 1", b"for 2", None]
    later.end()


async def test_an_alternate_and_an_answer_for_all_left_by_a_crash(bench, clock):
    """The younger one counts and the other's file goes."""
    bench.keep(b"/k", b"old", (b"vary", b"foo"), request={b"foo": b"1"})
    await bench.shop.settle()
    (old,) = bench.files()
    path = bench.disk.folder / "objects" / old[:2] / old
    raw = path.read_bytes()
    bench.keep(b"/k", b"new")
    await bench.shop.settle()
    path.write_bytes(raw)
    later = restarted(bench)
    await later.shop.settle()
    assert await later.serve(b"/k", {b"foo": b"1"}) == b"new"
    assert len(later.files()) == 1
    later.end()


async def test_a_smaller_budget_at_the_next_start(bench):
    for number in range(30):
        bench.keep(b"/%02d" % number, b"x" * 100_000)
        await bench.shop.settle()
    later = restarted(bench, disk=MIB, policy="lru")
    await later.shop.settle()
    assert later.disk.used <= MIB
    kept = [number for number in range(30) if later.cache.peek(b"/%02d" % number, {}) is not None]
    assert kept == list(range(30 - len(kept), 30)), "the oldest had to leave"
    assert len(later.files()) == len(kept) == 10
    later.end()


async def test_files_damaged_while_it_was_down(bench):
    bodies = {b"/%d" % number: os.urandom(70_000) for number in range(20)}
    for key, body in bodies.items():
        bench.keep(key, body)
    await bench.shop.settle()
    chance = random.Random(5)
    for name in bench.files():
        path = bench.disk.folder / "objects" / name[:2] / name
        raw = bytearray(path.read_bytes())
        raw[chance.randrange(len(raw))] ^= 1 << chance.randrange(8)
        path.write_bytes(raw)
    later = restarted(bench)
    assert {await later.serve(key) for key in bodies} == {None}
    assert later.disk.damaged + later.cache.counts.disk_damaged == 20
    assert later.files() == []
    later.end()


WRITER = """
    import asyncio, hashlib, sys
    from pathlib import Path
    from tests.cache.workbench import Bench

    def body_of(number, size):
        block = hashlib.sha256(b"%d" % number).digest()
        return (block * (size // 32 + 1))[:size]

    async def main():
        bench, number = Bench(Path(sys.argv[1]), ram=1 << 21, disk=1 << 22), int(sys.argv[2])
        print("ready", flush=True)
        while True:
            size = 1 + number * 7919 % 150_000
            bench.keep(b"/%d" % (number % 60), body_of(number, size), (b"number", b"%d" % number))
            await bench.shop.settle()
            number += 1

    asyncio.run(main())
"""


def body_of(number, size):
    block = hashlib.sha256(b"%d" % number).digest()
    return (block * (size // 32 + 1))[:size]


async def test_killed_at_any_moment_it_serves_what_was_written(tmp_path):
    """A child writes, replaces and evicts objects and is killed, again and again, over one folder."""
    chance, folder, clock = random.Random(11), tmp_path / "cache", FakeClock()
    for round_ in range(4):
        child = subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(WRITER), str(folder), str(round_ * 100_000)],
            cwd=ROOT, stdout=subprocess.PIPE,
        )  # fmt: skip
        try:
            assert child.stdout.readline() == b"ready\n"
            wanted, seen = chance.randrange(1, 60), set()
            while (
                len(seen) < wanted
            ):  # by its work, not by the clock; the moment within a write is the machine's choice
                seen |= {path.name for path in (folder / "objects").glob("*/*")}
        finally:
            child.send_signal(signal.SIGKILL)
            child.wait()
            child.stdout.close()
        bench = Bench(folder, disk=1 << 22, clock=clock)
        await bench.shop.settle()
        assert bench.disk.damaged == 0
        assert not list((folder / "tmp").iterdir())
        assert bench.disk.used <= 1 << 22
        served = 0
        for number in range(60):
            entry = bench.cache.peek(b"/%d" % number, {})
            if entry is not None:
                assert entry.cold
                assert await bench.cache.load_head(entry)
                written = int(dict(entry.fields)[b"number"])
                assert await bench.serve(b"/%d" % number) == body_of(written, 1 + written * 7919 % 150_000)
                served += 1
        assert served == len(bench.files()) > 0
        bench.end()


async def test_a_folder_that_is_let_go_is_only_read(bench, clock):
    """Its successor's files are neither written, nor marked, nor removed by the one who had it before."""
    bench.keep(b"/k", os.urandom(100_000))
    await bench.shop.settle()
    await bench.cache.hand_over_disk()
    after = Bench(bench.disk.folder, clock=clock)
    assert await after.serve(b"/k") is not None
    files = sorted(path for path in bench.disk.folder.rglob("*") if path.is_file())
    bench.keep(b"/other", os.urandom(100_000))
    await bench.cache.purge(PurgeRequest(everything=True, soft=True))
    await bench.cache.purge(PurgeRequest(everything=True))
    await bench.shop.settle()
    assert sorted(path for path in bench.disk.folder.rglob("*") if path.is_file()) == files
    assert after.fresh(b"/k")
    after.end()
