"""The index of a process that serves another one's files."""

from pathlib import Path

from cache.disk.tier import DiskTier
from cache.entry import Entry
from cache.eviction.lru import Lru
from cache.followed_index import FollowedIndex, line_of
from cache.ram import RamTier
from cache.tiers import Tiers
from kernel.clock import Instant
from kernel.http.freshness import Verdict
from tests.doubles.clock import FakeClock


def made():
    clock = FakeClock()
    disk = DiskTier.of_another_process(Path("/nowhere"), Lru(0))
    tiers = Tiers(RamTier(1 << 20, Lru(1 << 20), alone=False), disk, clock, None, lambda _: False, files=True)
    return FollowedIndex(tiers), tiers, Instant(clock.wall(), clock.mono())


def line(key, now, *, lifetime=60.0):
    entry = Entry(key, 200, [(b"etag", b'"1"'), (b"surrogate-key", b"s")], 10)
    entry.set_times(Verdict(None, 0.0, lifetime, 0.0, 0.0, must_revalidate=False), now.mono)
    return line_of(entry, now)


def test_it_follows_files_as_they_come_and_go():
    index, tiers, now = made()
    index.store("aa-1", line(b"/a", now), now)
    entry = tiers.index.peek(b"/a", {})
    assert (entry.disk, entry.cold, entry.surrogates) == (1, True, (b"s",))
    index.remove(["aa-1"])
    assert tiers.index.peek(b"/a", {}) is None


def test_a_line_that_comes_after_its_removal_does_not_bring_the_file_back():
    index, tiers, now = made()
    index.remove(["aa-1"])
    index.store("aa-1", line(b"/a", now), now)
    assert tiers.index.peek(b"/a", {}) is None


def test_a_repeated_line_keeps_what_is_loaded_and_a_changed_one_replaces_it():
    index, tiers, now = made()
    index.store("aa-1", line(b"/a", now), now)
    entry = tiers.index.peek(b"/a", {})
    index.store("aa-1", line(b"/a", now), now)
    assert tiers.index.peek(b"/a", {}) is entry
    index.store("aa-1", line(b"/a", now, lifetime=0.0), now)
    changed = tiers.index.peek(b"/a", {})
    assert changed is not entry
    assert changed.fresh_until <= now.mono


def test_a_new_owner_confirms_what_stays():
    """What it does not name was purged or evicted while nobody told this process."""
    index, tiers, now = made()
    for number in (1, 2):
        index.store(f"aa-{number}", line(b"/%d" % number, now), now)
    index.begin_snapshot()
    index.store("aa-2", line(b"/2", now), now)
    assert tiers.index.peek(b"/1", {}) is not None  # hits go on meanwhile
    index.end_snapshot()
    assert tiers.index.peek(b"/1", {}) is None
    assert tiers.index.peek(b"/2", {}) is not None


def test_nothing_fetched_here_is_stored():
    index, tiers, _ = made()
    tiers.stores = False
    entry = Entry(b"/a", 200, [], 3)
    assert not tiers.fits(3)
    assert not tiers.store(entry, b"abc")
    assert len(index) == 0
