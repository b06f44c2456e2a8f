"""Files that cannot be removed: told, marked so that they do not come back, tried again."""

import errno
import os
from pathlib import Path

import pytest

from cache.cache import PurgeRequest
from cache.disk.file_remover import RETRY_SECONDS
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


async def test_purged_and_not_removed_it_does_not_come_back(bench, monkeypatch):
    bench.keep(b"/k", b"old")
    await bench.shop.settle()
    refuse(monkeypatch)
    receipt = await bench.cache.purge(PurgeRequest(urls=(b"/k",)))
    assert (receipt, receipt.unrecorded_files) == (1, 0)
    assert len(bench.files()) == 1
    assert (bench.cache.counts.disk_stuck, bench.cache.stats()["disk_stuck"]) == (1, 1)
    bench.end()
    monkeypatch.undo()
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


async def test_what_cannot_be_marked_stale_has_to_go(bench, monkeypatch):
    bench.keep(b"/k", b"old")
    await bench.shop.settle()
    monkeypatch.setattr(bench.disk, "mark_stale", lambda lines: [name for name, _ in lines])
    assert await bench.cache.purge(PurgeRequest(everything=True, soft=True)) == 1
    assert bench.files() == []


def unwritable(monkeypatch, code=errno.EIO):
    """The index takes nothing more."""

    def refused(fd, data):
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, "write", refused)


@pytest.mark.parametrize("soft", [False, True])
async def test_no_receipt_while_it_cannot_be_written_down_what_has_to_go(bench, monkeypatch, soft):
    for key in (b"/1", b"/2"):
        bench.keep(key, b"old")
    await bench.shop.settle()
    refuse(monkeypatch)
    unwritable(monkeypatch)
    receipt = await bench.cache.purge(PurgeRequest(everything=True, soft=soft))
    assert (receipt, receipt.unrecorded_files) == (2, 2)
    assert bench.cache.is_disk_off
    monkeypatch.undo()
    assert await bench.serve(b"/1") is None
    receipt = await bench.cache.purge(PurgeRequest(urls=(b"/1",)))
    assert (receipt, receipt.unrecorded_files) == (0, 0), "asked again on a healed disk"
    assert not bench.cache.is_disk_off


@pytest.mark.parametrize("how", ["replaced", "evicted", "replaced in flight", "forgotten"])
async def test_a_receipt_counts_files_that_were_stuck_before_the_purge(bench, monkeypatch, how):
    """For another reason, and of another version than the purge knows."""
    entry = bench.keep(b"/k", b"old")
    if how != "replaced in flight":
        await bench.shop.settle()
    with monkeypatch.context() as failing:
        refuse(failing)
        unwritable(failing)
        if how.startswith("replaced"):
            bench.disk.suspended_until = bench.clock.mono() + 1000
            bench.keep(b"/k", b"new", (b"surrogate-key", b"s"))
        elif how == "evicted":
            bench.cache.ram.drop(entry)
            await bench.evict_from_disk()
        else:
            bench.cache.forget(entry)
        await bench.shop.settle()
        receipt = await bench.cache.purge(PurgeRequest(keys=(b"s",)))
        assert receipt.unrecorded_files >= 1
    receipt = await bench.cache.purge(PurgeRequest(keys=(b"s",)))
    assert receipt.unrecorded_files == 0
    bench.end()
    later = Bench(bench.disk.folder, clock=bench.clock)
    assert await later.serve(b"/k") is None
    later.end()


async def test_on_a_full_disk_a_purge_gives_up_objects_rather_than_its_receipt(bench, monkeypatch):
    for number in range(20):
        bench.keep(b"/%d" % number, b"x" * 20_000)
    await bench.shop.settle()
    write = os.write
    room = []

    def full(fd, data):
        if len(bench.files()) > 18:
            raise OSError(errno.ENOSPC, "No space left on device")
        room.append(len(data))
        return write(fd, data)

    monkeypatch.setattr(os, "write", full)
    receipt = await bench.cache.purge(PurgeRequest(urls=(b"/0",)))
    assert (receipt, receipt.unrecorded_files) == (1, 0)
    assert room
    assert bench.cache.counts.evicted_disk >= 1
