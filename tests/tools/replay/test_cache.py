"""The edge's cache without bytes: tiers and admission as on an edge, nothing on the disk."""

import pytest

from cache.disk.tier import PAGE
from cache.entry import OBJECT_OVERHEAD_BYTES
from kernel.errors import Bug
from tools.replay.cache import InlineTasks, Replay, SizeOnlyBody

COST = PAGE
"""Of an object of `SIZE`, in either tier."""
SIZE = PAGE - OBJECT_OVERHEAD_BYTES - 1


def asked(replay, keys, size=SIZE):
    """Where each request was answered from: r(am), d(isk), m(iss)."""
    tally, said = replay.tally, ""
    for key in keys:
        ram, disk = tally.ram_hits, tally.disk_hits
        replay.request(key.encode(), size)
        said += "r" if tally.ram_hits > ram else "d" if tally.disk_hits > disk else "m"
    return said


def test_ram_alone():
    assert asked(Replay(2 * COST, 0, "lru", "second"), "abacb") == "mmrmm"


def test_disk_behind_ram_and_back():
    """The RAM tier holds eight; the ninth pushes the first out, and the disk has it."""
    replay = Replay(8 * COST, 100 * COST, "lru", "always")
    assert asked(replay, "abcdefghiaa") == "mmmmmmmmmdr"
    assert replay.disk_bytes_written == 9 * COST


def test_second_admission_loses_once_what_left_ram():
    replay = Replay(8 * COST, 100 * COST, "lru", "second")
    assert asked(replay, "abcdefghia") == "mmmmmmmmmm"
    assert replay.disk_bytes_written == COST
    assert asked(replay, "bcdefghia") == "mmmmmmmmd"


def test_an_object_read_from_disk_counts_as_asked_for_there():
    """Else what is served through RAM would be the first to leave the disk."""
    replay = Replay(8 * COST, 20 * COST, "lru", "always")
    asked(replay, "abcdefghijklmnopqrst")
    assert asked(replay, "a") == "d"
    asked(replay, "uvwxyzABCD")
    assert asked(replay, "a") == "d"
    assert asked(replay, "b") == "m"


def test_too_large_for_any_tier_is_a_miss_each_time():
    assert asked(Replay(10_000, 40_000, "s3fifo", "always"), "aa", size=20_000) == "mm"


def test_too_large_for_ram_is_served_from_disk():
    assert asked(Replay(10_000, 400_000, "s3fifo", "always"), "aaa", size=20_000) == "mdd"


def test_nothing_is_written_anywhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    replay = Replay(8 * COST, 12 * COST, "s3fifo", "always")
    asked(replay, "abcdefghijklmnopqrstuvwxyzaz")
    assert list(tmp_path.iterdir()) == []


def test_a_hollow_body_has_a_length():
    body = SizeOnlyBody(5)
    assert len(body) == 5
    assert len(body.view(0, 5)) == 0


def test_work_that_waits_for_something_else_is_a_bug():
    class Never:
        def __await__(self):
            yield

    async def wait():
        await Never()

    bench = InlineTasks()
    bench.spawn(wait())
    with pytest.raises(Bug, match="waits"):
        bench.run_pending()
    with pytest.raises(Bug):
        bench.call_later(1, print)
