"""What a start finds: what the index names, and nothing else; then the walk (see also test_disk, test_reconcile)."""

import pytest

from cache.disk.journal import MAGIC, Journal
from cache.disk.recovery import HEAD, by_shard, path_of
from cache.entry import INDEXED
from kernel.vocabulary import CacheNotice
from tests.cache.workbench import Bench


@pytest.fixture
async def bench(tmp_path):
    made = Bench(tmp_path / "cache")
    for number in range(20):
        made.keep(b"/%d" % number, b"%d" % number, (b"surrogate-key", b"s"), (b"etag", b'"%d"' % number))
    await made.shop.settle()
    yield made
    made.end()


def restarted(bench, **more):
    bench.end()
    return Bench(bench.disk.folder, clock=bench.clock, **more)


async def served(bench):
    return [await bench.serve(b"/%d" % number) for number in range(20)]


ALL = [b"%d" % number for number in range(20)]


async def test_no_file_is_opened_and_no_folder_listed_before_it_serves(bench, monkeypatch):
    def opened(*_):
        raise AssertionError("opened")

    with monkeypatch.context() as patched:
        patched.setattr("cache.disk.tier.read_head", opened)
        patched.setattr("os.scandir", opened)
        later = restarted(bench, walk=False)
    assert await served(later) == ALL
    later.end()


async def test_without_an_index_no_file_is_an_object(bench):
    """One of them may have been purged, and could not be removed."""
    last = bench.cache.peek(b"/19", {}).disk
    bench.end()
    (bench.disk.folder / "index").unlink()
    later = Bench(bench.disk.folder, clock=bench.clock)
    assert await served(later) == [None] * 20
    assert later.files() == []
    assert later.disk.new_number() > last, "no name is used again, though nobody knows which were"
    later.end()


async def test_a_folder_of_an_earlier_release_is_emptied_and_that_is_said(bench):
    bench.end()
    index = bench.disk.folder / "index"
    index.write_bytes(b"MTNINDX1" + index.read_bytes()[len(MAGIC) :])
    later = Bench(bench.disk.folder, clock=bench.clock)
    assert later.found.notices == [CacheNotice.EARLIER_FORMAT]
    assert later.files() == []
    later.keep(b"/1", b"new")
    await later.shop.settle()
    last = restarted(later)
    assert (last.found.notices, await last.serve(b"/1")) == ([], b"new")
    last.end()


async def test_what_a_torn_index_still_names_is_revalidated_for_every_use(bench):
    """What is lost may have said that it was purged."""
    bench.end()
    index = bench.disk.folder / "index"
    index.write_bytes(index.read_bytes()[:-3])
    later = Bench(bench.disk.folder, clock=bench.clock)
    assert later.found.notices == [CacheNotice.INDEX_DAMAGED]
    for _ in range(2):
        assert await served(later) == [*ALL[:-1], None]
        assert not any(later.fresh(b"/%d" % number) for number in range(20))
        assert max(later.cache.peek(b"/1", {}).swr_until, later.cache.peek(b"/1", {}).sie_until) <= later.clock.mono()
        later = restarted(later)
        assert later.found.notices == []
    later.end()


async def test_a_line_that_is_of_no_entry(bench):
    bench.end()
    journal = Journal(bench.disk.folder / "index")
    journal.start(journal.read())
    journal.record_object("00000000000000aa-1", dict.fromkeys(INDEXED, 7))
    journal.close()
    later = Bench(bench.disk.folder, clock=bench.clock)
    assert (later.found.damaged, await served(later)) == (1, ALL)
    last = restarted(later)
    assert last.found.damaged == 0
    last.end()


async def test_an_exchanged_file_is_found_out_when_it_is_read(bench):
    """The index is never believed over the file."""
    entries = [bench.cache.peek(b"/%d" % number, {}) for number in (1, 2)]
    bench.end()
    one, two = (path_of(bench.disk.folder, bench.file(entry)) for entry in entries)
    one.write_bytes(two.read_bytes())
    later = Bench(bench.disk.folder, clock=bench.clock)
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


async def test_a_head_without_its_object_goes(bench):
    name = bench.file(bench.cache.peek(b"/3", {}))
    stray = path_of(bench.disk.folder, f"{name.partition('-')[0]}-0{HEAD}")
    stray.write_bytes(b"x")
    later = restarted(bench)
    assert not stray.exists()
    assert await served(later) == ALL
    later.end()


def test_by_shard():
    assert by_shard(["abx", "aby", "0cz"]) == {"ab": ["abx", "aby"], "0c": ["0cz"]}
