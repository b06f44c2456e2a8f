"""The disk tier: books, files, recovery."""

import os
import shutil

import pytest

from cache.body import MIN_FILE_BYTES, Pieces
from cache.disk.object_file import Damaged, FileOf
from cache.disk.recovery import SHARDS
from cache.disk.tier import MAX_ERRORS, PAGE, DiskTier, FolderLost
from cache.entry import Entry
from cache.eviction.lru import Lru
from kernel.clock import Instant
from kernel.errors import BadSettings, StorageFailed
from tests.cache.workbench import now_of, response
from tests.doubles.clock import FakeClock

NOW = Instant(1_800_000_000.0, 1_000.0)


@pytest.fixture
def clock():
    return FakeClock()


@pytest.fixture
def tier(tmp_path):
    return opened(tmp_path)


def opened(folder, budget=1 << 20):
    made = DiskTier(folder, budget, Lru(budget))
    found = made.open(NOW)
    made.found = list(found.entries.values())
    for shard in SHARDS:
        made.sweep(shard, found.entries, found.number)
    return made


def again(tier, **more):
    tier.close()
    return opened(tier.folder, **more)


def kept(tier, clock, key, body=b"hello", **more):
    """Write an object as the cache does."""
    entry = response(clock, key, length=len(body), **more)
    number = tier.new_number()
    tier.write(tier.file_name(key, number), entry.to_disk(now_of(clock)), body)
    assert tier.put(entry, number) == []
    return entry


def file(tier, entry):
    return tier.file_name(entry.key, entry.disk)


def wanted(tier, entry, key=None):
    return FileOf(file(tier, entry), key or entry.key, entry.vary)


def path(tier, entry):
    name = file(tier, entry)
    return tier.folder / "objects" / name[:2] / name


def objects(tier):
    return sorted(path.name for path in (tier.folder / "objects").glob("*/*"))


def test_a_written_object_is_read_and_found_at_the_next_start(tier, clock):
    entry = kept(tier, clock, b"/k")
    head, body = tier.read(wanted(tier, entry))
    assert (head["key"], body) == (b"/k", b"hello")
    assert tier.used == PAGE, "a file takes whole pages"
    (found,) = again(tier).found
    assert (found.key, found.disk, found.cold) == (b"/k", entry.disk, True)
    found.load_head(tier.read_head(wanted(tier, entry)))
    assert found.fields == entry.fields
    assert found.fresh_until == pytest.approx(entry.fresh_until)


def test_names_are_never_used_twice(tier, clock):
    assert len({tier.new_number() for _ in range(100)}) == 100
    entry = kept(tier, clock, b"/k")
    later = again(tier)
    assert later.new_number() > entry.disk


def test_what_it_takes(tier):
    assert tier.fits(tier.budget // 4, 0.0)
    assert not tier.fits(tier.budget // 4 + 1, 0.0)


def test_after_many_errors_in_a_row_it_rests_and_longer_each_time(tier):
    now = 1000.0
    for _ in range(MAX_ERRORS):
        assert tier.fits(1, now)
        tier.note_error(now)
    for rest in (30, 60, 120, 240, 480, 600, 600):
        tier.note_error(now)  # what was under way when it went to rest
        assert tier.is_suspended(now + rest - 1)
        assert not tier.fits(1, now + rest - 1)
        now += rest
        assert tier.fits(1, now)
        tier.note_error(now)
    now += 600
    tier.note_success()
    tier.note_error(now)
    assert tier.fits(1, now)


def test_over_its_budget_the_oldest_leave(tmp_path, clock):
    tier = opened(tmp_path, 2 * PAGE)
    one, two, three = (kept_entry(clock, b"/%d" % number) for number in range(3))
    assert tier.put(one, 1) == tier.put(two, 2) == []
    tier.touch(one)
    assert tier.put(three, 3) == [two]
    assert tier.drop(one) == tier.file_name(b"/0", 1)
    assert tier.drop(one) is None
    assert one.disk is None
    assert tier.used == PAGE


def test_what_is_being_written_counts_before_it_is_there(tmp_path, clock):
    """Else a burst of large objects would fill the folder beyond its budget before the first is in the books."""
    tier = opened(tmp_path, 3 * PAGE)
    one, two = (kept_entry(clock, b"/%d" % number) for number in range(2))
    tier.put(one, 1)
    tier.put(two, 2)
    assert tier.make_room(PAGE) == []
    assert tier.make_room(PAGE + 1) == [one]


def test_a_body_for_which_no_descriptor_is_to_spare_is_bytes(tier, clock, monkeypatch):
    """Open bodies must not take from the connections what they need."""
    monkeypatch.setattr("cache.disk.tier.can_keep_open", lambda fd: False)
    body = b"x" * MIN_FILE_BYTES
    entry = kept(tier, clock, b"/k", body)
    assert tier.read_body(wanted(tier, entry), 0.0, files=True)[1] == body
    assert tier.write(file(tier, entry), kept_entry(clock, b"/k").to_disk(now_of(clock)), body, 0.0) is None


def kept_entry(clock, key):
    return response(clock, key, length=200)


def test_unlink_and_a_file_that_is_gone(tier, clock):
    entry = kept(tier, clock, b"/k")
    assert tier.unlink([file(tier, entry), "00never-1"]) == set()
    assert objects(tier) == []
    with pytest.raises(Damaged, match="gone"):
        tier.read(wanted(tier, entry))


def test_what_cannot_be_read_is_a_failure_of_storage(tier):
    (tier.folder / "objects" / "00" / "0000000000000000-1").mkdir()
    with pytest.raises(StorageFailed):
        tier.read(FileOf("0000000000000000-1", b"/k"))


def test_what_cannot_be_written_leaves_nothing_behind(tier, clock, monkeypatch):
    entry, name = kept_entry(clock, b"/k"), tier.file_name(b"/k", 1)
    write, calls = os.write, []

    def full(fd, data):
        calls.append(1)
        if len(calls) > 1:
            raise OSError(28, "No space left on device")
        return write(fd, data[0][:2500])

    monkeypatch.setattr(os, "writev", full)
    monkeypatch.setattr(os, "write", full)
    with pytest.raises(StorageFailed, match="No space"):
        tier.write(name, entry.to_disk(now_of(clock)), b"x" * 5000)
    assert len(calls) == 2
    assert list((tier.folder / "tmp").iterdir()) == objects(tier) == []


@pytest.mark.parametrize("whole", [False, True])
def test_a_folder_taken_away_while_it_runs_is_made_anew(tier, clock, whole):
    old = kept(tier, clock, b"/old")
    if whole:
        shutil.rmtree(tier.folder)
    else:
        (tier.folder / "tmp").rmdir()
    with pytest.raises(FolderLost):
        kept(tier, clock, b"/k")
    assert tier.recreate_folder() is whole
    new = kept(tier, clock, b"/k")
    assert new.disk > old.disk
    assert [found.key for found in again(tier).found] == ([b"/k"] if whole else [b"/old", b"/k"])


def test_a_folder_that_somebody_else_has_made_again_is_not_written_to(tier, clock):
    shutil.rmtree(tier.folder)
    other = opened(tier.folder)
    assert not tier.owns_folder()
    with pytest.raises(FolderLost):
        kept(tier, clock, b"/k")
    with pytest.raises(StorageFailed, match="in use"):
        tier.recreate_folder()
    assert objects(other) == []
    other.close()
    assert tier.recreate_folder()


def test_a_folder_is_for_one_process(tier):
    with pytest.raises(BadSettings, match=r"cache_dir.*in use"):
        opened(tier.folder)
    tier.close()
    tier.close()
    assert opened(tier.folder).found == []


@pytest.mark.parametrize("spoil", ["file", "lock"])
def test_a_folder_that_cannot_be_used(tmp_path, spoil):
    folder = tmp_path / "cache"
    if spoil == "file":
        folder.write_text("no folder")
    else:
        (folder / "lock").mkdir(parents=True)
    with pytest.raises(BadSettings, match="cannot be used"):
        opened(folder)


def test_what_a_crash_left_is_removed(tier, clock):
    entry = kept(tier, clock, b"/k")
    (tier.folder / "tmp" / "half").write_bytes(b"x")
    (tier.folder / "tmp" / "folder").mkdir()
    shard = path(tier, entry).parent
    for name in ("junk", "abc-", "-1", "abc-XYZ", "abc-1", "0" * 16 + "-" + "f" * 99, ".hidden", "abc.head"):
        (shard / name).write_bytes(b"x")
    (shard / "folder").mkdir()
    (tier.folder / "objects" / "stray").write_bytes(b"x")
    elsewhere = tier.folder / "objects" / ("00" if shard.name != "00" else "01") / file(tier, entry)
    elsewhere.write_bytes(path(tier, entry).read_bytes())
    later = again(tier)
    assert [found.key for found in later.found] == [b"/k"]
    assert [name for name in objects(later) if name != "folder"] == [file(tier, entry)]
    assert [path.name for path in (later.folder / "tmp").iterdir()] == ["folder"]


def test_of_two_files_for_one_alternate_the_younger_counts(tier, clock):
    """A crash between writing the new one and removing the old; also when the new one is gone since."""
    old, new = kept(tier, clock, b"/k", b"old"), kept(tier, clock, b"/k", b"new")
    later = again(tier)
    assert [found.disk for found in later.found] == [new.disk]
    assert objects(later) == [file(tier, new)]
    assert old.disk != new.disk


def test_put_back_what_was_replaced_does_not_come_back(tier, clock):
    old = kept(tier, clock, b"/k", b"old")
    raw = path(tier, old).read_bytes()
    new = kept(tier, clock, b"/k", b"new")
    tier.unlink([file(tier, new)])
    path(tier, old).write_bytes(raw)
    tier.unlink([file(tier, old)])
    path(tier, old).write_bytes(raw)
    later = again(tier)
    assert (later.found, objects(later)) == ([], [])


def test_alternates_both_come_back_the_oldest_first(tier, clock):
    for value in (b"2", b"1", b"3"):
        request = {b"foo": value}
        entry = response(clock, b"/k", (b"vary", b"foo"), request=request, length=1)
        tier.write(tier.file_name(b"/k", tier.new_number()), entry.to_disk(now_of(clock)), b"x")
    assert [found.vary for found in again(tier).found] == [((b"foo", value),) for value in (b"2", b"1", b"3")]


def test_marked_stale_a_file_is_stale_at_the_next_start(tier, clock):
    soft, other = kept(tier, clock, b"/soft"), kept(tier, clock, b"/other")
    soft.make_stale(NOW.mono)
    assert tier.mark_stale([(file(tier, soft), soft.to_index(NOW))]) == []
    found = {entry.key: entry for entry in again(tier).found}
    assert found[b"/soft"].fresh_until <= NOW.mono < found[b"/other"].fresh_until
    assert other.disk


def test_a_large_body_opened_for_sending(tier, clock):
    """As a file from 48 KiB on, as bytes below; never unverified."""
    large, small = kept(tier, clock, b"/l", b"x" * 100_000), kept(tier, clock, b"/s", b"y")
    body = read_body(tier, large)
    assert bytes(body.view(10, 99_999)) == b"x" * 99_989
    assert read_body(tier, small) == b"y"
    with pytest.raises(Damaged):
        read_body(tier, large, b"/other")
    tier.unlink([file(tier, large)])
    with pytest.raises(Damaged):
        read_body(tier, large)
    path(tier, large).mkdir()
    with pytest.raises((StorageFailed, Damaged)):
        read_body(tier, large)


def test_what_was_written_is_open_for_sending_where_that_is_wanted(tier, clock):
    """It is as it was read: the very file, of its length."""
    entry, body = kept_entry(clock, b"/k"), Pieces((b"x" * 40_000, b"y" * 60_000))
    head = entry.to_disk(now_of(clock))
    opened = tier.write(tier.file_name(b"/k", 1), head, body, 0.0)
    assert bytes(opened.view(39_999, 40_001)) == b"xy"
    assert opened.is_servable(0.0)
    assert tier.write(tier.file_name(b"/k", 2), head, body) is None
    assert tier.write(tier.file_name(b"/k", 3), head, b"small", 0.0) is None


def read_body(tier, entry, key=None):
    return tier.read_body(wanted(tier, entry, key), 0.0, files=True)[1]


def test_entries_are_whole_entries(tier, clock):
    kept(tier, clock, b"/k")
    assert all(isinstance(found, Entry) and found.body is None for found in again(tier).found)


def test_a_policy_that_gives_nobody_up_ends_the_search(tmp_path, clock):
    class Stubborn(Lru):
        def evict(self):
            return None

    tier = DiskTier(tmp_path, 10, Stubborn(10))
    assert tier.put(kept_entry(clock, b"/k"), 1) == []


def test_no_descriptor_left_is_a_failure_of_storage(tier, clock, monkeypatch):
    entry = kept(tier, clock, b"/k", b"x" * 100_000)

    def none_left(*_, **__):
        raise OSError(24, "Too many open files")

    monkeypatch.setattr(os, "open", none_left)
    with pytest.raises(StorageFailed, match="Too many"):
        tier.read_body(wanted(tier, entry), 0.0, files=True)
    with pytest.raises(StorageFailed, match="Too many"):
        tier.write(file(tier, entry), entry.to_disk(now_of(clock)), b"x", 0.0)
