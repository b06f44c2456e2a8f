"""Books and folder agree again: after the walk of a start, and when the folder was removed."""

import shutil

import pytest

from cache.cache import PurgeRequest
from cache.disk.recovery import path_of
from kernel.errors import StorageFailed
from kernel.vocabulary import CacheNotice
from tests.cache.workbench import Bench
from tests.doubles.clock import turns

KIB = 1024
LARGE = b"x" * 300 * KIB


@pytest.fixture
async def bench(tmp_path):
    made = Bench(tmp_path / "cache")
    for number in range(20):
        made.keep(b"/%d" % number, b"%d" % number)
    await made.shop.settle()
    yield made
    made.end()


def not_walked(bench):
    bench.end()
    return Bench(bench.disk.folder, clock=bench.clock, walk=False)


def put_there(bench, name, raw=b"x"):
    path_of(bench.disk.folder, name).write_bytes(raw)


async def test_the_walk_removes_what_nobody_owns_and_nothing_that_came_since(bench):
    later = not_walked(bench)
    put_there(later, "00000000000000aa-1")
    put_there(later, "00000000000000aa-1.head")
    new = later.keep(b"/new", LARGE)
    await later.shop.settle()
    await later.cache.sweep_disk(later.found)
    assert later.file(new) in later.files()
    assert len(later.files()) == 21
    assert await later.serve(b"/new") == LARGE
    assert [await later.serve(b"/%d" % number) for number in range(20)] == [b"%d" % number for number in range(20)]


async def test_a_purge_before_the_walk_has_come_to_a_file_reaches_it(bench):
    later = not_walked(bench)
    assert await later.cache.purge(PurgeRequest(everything=True)) == 20
    assert later.files() == []
    await later.cache.sweep_disk(later.found)
    last = not_walked(later)
    assert last.cache.stats()["objects"] == 0
    last.end()


async def test_a_purge_in_the_middle_of_the_walk(bench):
    later = not_walked(bench)
    with later.shop.held():
        later.shop.spawn(later.cache.sweep_disk(later.found))
        await turns()
        later.shop.spawn(purged(later))
        await turns()
    await later.shop.settle()
    assert (later.files(), later.cache.stats()["disk_bytes"]) == ([], 0)


async def purged(bench):
    assert await bench.cache.purge(PurgeRequest(everything=True)) == 20


async def test_what_is_not_there_leaves_the_books(bench):
    names = bench.files()[:5]
    later = not_walked(bench)
    for name in names:
        path_of(later.disk.folder, name).unlink()
    before = later.disk.used
    await later.cache.sweep_disk(later.found)
    await later.shop.settle()
    assert later.cache.stats()["objects"] == 15
    assert later.disk.used == before * 15 // 20
    assert later.found.entries == {}, "names are not held any longer"


async def test_a_shard_that_cannot_be_listed_is_passed_over(bench, monkeypatch):
    later = not_walked(bench)

    def failing(*_):
        raise StorageFailed("input/output error")

    monkeypatch.setattr(later.disk, "sweep", failing)
    await later.cache.sweep_disk(later.found)
    assert later.cache.stats()["objects"] == 20


async def test_in_ram_an_object_goes_on_without_its_file(bench):
    told = []
    bench.cache.set_notice_listener(told.append)
    shutil.rmtree(bench.disk.folder)
    bench.keep(b"/new", b"new")
    await bench.shop.settle()
    assert told == [CacheNotice.FOLDER_RECREATED]
    assert (bench.cache.counts.folder_recreated, bench.cache.stats()["disk_bytes"]) == (1, 0)
    assert await bench.serve(b"/3") == b"3"
    bench.keep(b"/newer", b"newer")
    await bench.shop.settle()
    bench.end()
    later = Bench(bench.disk.folder, clock=bench.clock)
    assert (await later.serve(b"/3"), await later.serve(b"/newer")) == (None, b"newer")
    later.end()


async def test_many_writes_find_it_out_and_it_is_made_anew_once(bench):
    shutil.rmtree(bench.disk.folder)
    with bench.shop.held():
        for number in range(10):
            bench.keep(b"/new/%d" % number, LARGE)
        await turns()
    await bench.shop.settle()
    assert bench.cache.counts.folder_recreated == 1
    assert (bench.cache.counts.disk_failed, bench.cache.is_disk_off) == (0, False)


async def test_what_cannot_be_made_anew_is_told_once_and_tried_again(bench):
    told = []
    bench.cache.set_notice_listener(told.append)
    shutil.rmtree(bench.disk.folder)
    bench.disk.folder.write_text("no folder")
    for _ in range(3):
        await bench.cache.check_folder()
    assert (told, bench.cache.is_disk_off) == ([CacheNotice.FOLDER_LOST], True)
    bench.disk.folder.unlink()
    await bench.cache.check_folder()
    assert (told[1:], bench.cache.is_disk_off) == ([CacheNotice.FOLDER_RECREATED], False)
    bench.keep(b"/new", LARGE)
    await bench.shop.settle()
    assert await bench.serve(b"/new") == LARGE, "no rest has to be waited for"


async def test_a_part_of_the_folder(bench):
    told = []
    bench.cache.set_notice_listener(told.append)
    shutil.rmtree(bench.disk.folder / "objects")
    bench.keep(b"/new", LARGE)
    await bench.shop.settle()
    assert told == [CacheNotice.FOLDER_REPAIRED]
    assert bench.cache.stats()["disk_bytes"] == 0
