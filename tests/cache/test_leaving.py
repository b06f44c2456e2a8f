"""Files that cannot be removed: told, marked so that they do not come back, tried again."""

import errno
from pathlib import Path

import pytest

from cache.cache import PurgeRequest
from cache.leaving import RETRY_SECONDS
from tests.cache.workbench import Bench


@pytest.fixture
def bench(tmp_path):
    made = Bench(tmp_path / "cache")
    yield made
    made.end()


def refuse(monkeypatch):
    def refused(self, missing_ok=False):
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(Path, "unlink", refused)


@pytest.mark.parametrize("index", [True, False])
async def test_purged_and_not_removed_it_does_not_come_back(bench, monkeypatch, index):
    bench.keep(b"/k", b"old")
    await bench.shop.settle()
    refuse(monkeypatch)
    receipt = await bench.cache.purge(PurgeRequest(urls=(b"/k",)))
    assert (receipt, receipt.left) == (1, 0)
    assert len(bench.files()) == 1
    assert (bench.cache.counts.disk_stuck, bench.cache.stats()["disk_stuck"]) == (1, 1)
    bench.end()
    monkeypatch.undo()
    if not index:
        (bench.disk.folder / "index").unlink()
    later = Bench(bench.disk.folder, clock=bench.clock)
    assert await later.serve(b"/k") is None
    assert later.files() == []
    later.end()


async def test_it_is_tried_again(bench, monkeypatch):
    bench.keep(b"/k", b"old")
    await bench.shop.settle()
    refuse(monkeypatch)
    await bench.cache.purge(PurgeRequest(urls=(b"/k",)))
    await bench.clock.advance(RETRY_SECONDS)
    await bench.shop.settle()
    assert (bench.cache.counts.disk_stuck, bench.cache.stats()["disk_stuck"]) == (1, 1)
    monkeypatch.undo()
    await bench.clock.advance(RETRY_SECONDS)
    await bench.shop.settle()
    assert (bench.files(), bench.cache.stats()["disk_stuck"]) == ([], 0)


async def test_the_receipt_says_what_could_be_neither_removed_nor_marked(bench, monkeypatch):
    for key in (b"/1", b"/2"):
        bench.keep(key, b"old")
    await bench.shop.settle()
    monkeypatch.setattr(bench.disk, "_mark_dead", lambda name, path: False)
    refuse(monkeypatch)
    receipt = await bench.cache.purge(PurgeRequest(everything=True))
    assert (receipt, receipt.left) == (2, 2)
    monkeypatch.undo()
    assert await bench.serve(b"/1") is None


async def test_what_cannot_be_marked_stale_has_to_go(bench, monkeypatch):
    bench.keep(b"/k", b"old")
    await bench.shop.settle()
    monkeypatch.setattr(bench.disk, "mark_stale", lambda lines: [name for name, _ in lines])
    assert await bench.cache.purge(PurgeRequest(everything=True, soft=True)) == 1
    assert bench.files() == []
