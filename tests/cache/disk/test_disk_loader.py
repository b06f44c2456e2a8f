"""Heads brought back from disk (bodies: test_cache)."""

import pytest

from kernel.errors import StorageFailed
from tests.cache.workbench import Bench
from tests.doubles.clock import turns


@pytest.fixture
def bench(tmp_path):
    made = Bench(tmp_path / "cache")
    yield made
    made.end()


async def kept(bench, key=b"/k"):
    entry = bench.keep(key, b"hello", (b"etag", b'"1"'))
    await bench.shop.settle()
    bench.cold(entry)
    return entry


async def test_a_warm_one_is_warm(bench):
    entry = bench.keep(b"/k", b"hello")
    assert await bench.cache.load_head(entry)


async def test_a_head_whose_file_is_damaged_is_gone_with_its_object(bench):
    entry = await kept(bench)
    path = bench.disk.folder / "objects" / bench.file(entry)[:2] / bench.file(entry)
    path.write_bytes(path.read_bytes()[:-1])
    assert not await bench.cache.load_head(entry)
    await bench.shop.settle()
    assert bench.cache.peek(b"/k", {}) is None
    assert (bench.cache.counts.disk_damaged, bench.files()) == (1, [])


@pytest.mark.parametrize("wrong", [{"length": 4}, {"status": 404}])
async def test_a_file_that_is_not_what_the_index_says(bench, wrong):
    entry = await kept(bench)
    for name, value in wrong.items():
        setattr(entry, name, value)
    assert not await bench.cache.load_head(entry)
    assert bench.cache.counts.disk_damaged == 1


async def test_a_head_without_what_was_told(bench, monkeypatch):
    entry = await kept(bench)
    monkeypatch.setattr(bench.disk, "read_head", lambda *_: {"length": 5, "status": 200})
    assert not await bench.cache.load_head(entry)


async def test_a_disk_that_fails_and_one_that_rests(bench, monkeypatch):
    entry, other = await kept(bench), await kept(bench, b"/other")
    read = bench.disk.read_head

    def failing(*_):
        raise StorageFailed("input/output error")

    monkeypatch.setattr(bench.disk, "read_head", failing)
    assert not await bench.cache.load_head(entry)
    assert bench.cache.counts.disk_failed == 1
    monkeypatch.setattr(bench.disk, "read_head", read)
    bench.disk.suspended_until = bench.clock.mono() + 10
    assert not await bench.cache.load_head(other)
    await bench.clock.advance(11)
    assert await bench.cache.load_head(other), "it was there all the time"


async def test_evicted_while_its_head_is_read(bench):
    entry = await kept(bench)
    with bench.shop.held(after=True):
        bench.shop.spawn(warm(bench, entry))
        await turns()
        bench.cache.forget(entry)
    await bench.shop.settle()
    assert bench.cache.counts.disk_damaged == 0


async def warm(bench, entry):
    await bench.cache.load_head(entry)
