"""What is held can be read to its end after it has left the cache; how much is held is bounded."""

import os

import pytest

from cache import leases as module
from cache.cache import PurgeRequest
from tests.cache.workbench import MIB, Bench
from tests.doubles.clock import FakeClock

BODY = os.urandom(200_000)


@pytest.fixture
def bench(tmp_path):
    made = Bench(tmp_path / "cache", clock=FakeClock())
    yield made
    made.end()


async def stored(bench, *keys):
    """Entries of these keys, all on disk."""
    for key in keys:
        bench.keep(key, BODY)
    await bench.shop.settle()
    return [bench.cache.peek(key, {}) for key in keys]


async def asked(bench, call, *arguments):
    """What `call(*arguments, done)` told."""
    told = []
    call(*arguments, told.append)
    await bench.shop.settle()
    return told[0]


@pytest.mark.parametrize("cold", [False, True])
async def test_a_purged_body_is_read_to_its_end(bench, cold):
    (entry,) = await stored(bench, b"/k")
    if cold:
        bench.cache.ram.drop(entry)
    (lease,) = await asked(bench, bench.cache.leases.acquire, [entry])
    await bench.cache.purge(PurgeRequest(urls=(b"/k",)))
    assert bench.files() == []
    body = await asked(bench, bench.cache.leases.read, lease)
    assert bytes(body if isinstance(body, bytes) else body.view(0, len(body))) == BODY
    bench.cache.leases.release([lease])
    assert (bench.cache.leases.count, bench.cache.leases.memory) == (0, 0)


async def test_what_was_damaged_is_not_given(bench):
    (entry,) = await stored(bench, b"/k")
    bench.cache.ram.drop(entry)
    (name,) = bench.files()
    path = bench.disk.folder / "objects" / name[:2] / name
    raw = bytearray(path.read_bytes())
    raw[100] ^= 1
    path.write_bytes(raw)
    (lease,) = await asked(bench, bench.cache.leases.acquire, [entry])
    assert await asked(bench, bench.cache.leases.read, lease) is None


async def test_what_is_gone_already_is_said(bench):
    (entry,) = await stored(bench, b"/k")
    bench.cache.ram.drop(entry)
    (name,) = bench.files()
    (bench.disk.folder / "objects" / name[:2] / name).unlink()
    assert await asked(bench, bench.cache.leases.acquire, [entry]) is None
    assert bench.cache.leases.count == 0


async def test_beyond_the_bounds_nothing_is_held(bench, monkeypatch):
    monkeypatch.setattr(module, "MAX_LEASES", 2)
    entries = await stored(bench, b"/1", b"/2", b"/3")
    assert await asked(bench, bench.cache.leases.acquire, entries) == []
    assert len(await asked(bench, bench.cache.leases.acquire, entries[:2])) == 2
    assert await asked(bench, bench.cache.leases.acquire, entries[2:]) == []


async def test_bodies_in_memory_count_against_the_ram_tier():
    bench = Bench(None, ram=MIB, clock=FakeClock())
    for number in range(3):
        bench.keep(b"/%d" % number, BODY)
    entries = [bench.cache.peek(b"/%d" % number, {}) for number in range(3)]
    assert await asked(bench, bench.cache.leases.acquire, entries) == []
    assert len(await asked(bench, bench.cache.leases.acquire, entries[:2])) == 2
