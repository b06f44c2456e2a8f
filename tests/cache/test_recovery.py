"""What a start finds: by the index, by the files themselves, and after whatever a crash left (see also test_disk)."""

import os

import pytest

from cache import recovery as module
from cache.recovery import DEAD, HEAD, number_of, path_of
from tests.cache.workbench import Bench


@pytest.fixture
async def bench(tmp_path):
    made = Bench(tmp_path / "cache")
    for number in range(20):
        made.keep(b"/%d" % number, b"%d" % number, (b"surrogate-key", b"s"), (b"etag", b'"%d"' % number))
    await made.shop.settle()
    yield made
    made.end()


def restarted(bench):
    bench.end()
    return Bench(bench.disk.folder, clock=bench.clock)


async def served(bench):
    return [await bench.serve(b"/%d" % number) for number in range(20)]


ALL = [b"%d" % number for number in range(20)]


async def test_with_the_index_no_file_is_opened(bench, monkeypatch):
    def opened(*_):
        raise AssertionError("opened")

    monkeypatch.setattr(module, "read_head", opened)
    later = restarted(bench)
    assert await served(later) == ALL
    later.end()


async def test_without_it_each_is_and_the_next_start_knows_them(bench, monkeypatch):
    bench.end()
    (bench.disk.folder / "index").unlink()
    later = restarted(bench)
    assert await served(later) == ALL
    await test_with_the_index_no_file_is_opened(later, monkeypatch)


async def test_a_line_whose_file_is_another_is_found_out_when_it_is_read(bench):
    """The index is never believed over the file."""
    entries = [bench.cache.peek(b"/%d" % number, {}) for number in (1, 2)]
    bench.end()
    one, two = (path_of(bench.disk.folder, bench.file(entry)) for entry in entries)
    one.write_bytes(two.read_bytes())
    later = restarted(bench)
    assert await later.serve(b"/1") is None
    assert later.cache.counts.disk_damaged == 1
    assert await later.serve(b"/2") == b"2"
    later.end()


async def test_a_number_is_not_used_again_though_its_file_is_gone(bench):
    last = bench.cache.peek(b"/19", {}).disk
    bench.cache.forget(bench.cache.peek(b"/19", {}))
    await bench.shop.settle()
    later = restarted(bench)
    assert later.disk.new_number() > last
    later.end()


async def test_marked_dead_it_does_not_come_back(bench):
    entry = bench.cache.peek(b"/3", {})
    path = path_of(bench.disk.folder, bench.file(entry))
    bench.end()
    os.utime(path, (DEAD, DEAD))
    (bench.disk.folder / "index").unlink()
    later = restarted(bench)
    assert await later.serve(b"/3") is None
    assert not path.exists()
    later.end()


async def test_a_head_without_its_object_goes(bench):
    name = bench.file(bench.cache.peek(b"/3", {}))
    stray = path_of(bench.disk.folder, name[:-1] + "ff" + HEAD)
    stray.write_bytes(b"x")
    later = restarted(bench)
    assert not stray.exists()
    assert await served(later) == ALL
    later.end()


def test_numbers_of_names():
    assert number_of("0123456789abcdef-1f") == 31
