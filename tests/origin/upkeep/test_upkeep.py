"""The upkeep of an origin does what is due, and survives what fails."""

import asyncio

import pytest

from kernel.store_faults import StoreFault
from origin.storage.library import Library
from origin.stores.object_store import StoreFailed
from origin.upkeep.cooling import Mover, WantedRenditions
from origin.upkeep.garbage import GarbagePolicy
from origin.upkeep.plays import DAY, Plays, read_days
from origin.upkeep.schedule import STALLED_SECONDS
from origin.upkeep.scrubber import Scrubber
from origin.upkeep.upkeep import Upkeep, UpkeepPolicy
from system.workers import run_alongside
from tests.doubles.clock import FakeClock
from tests.doubles.object_store import files_of

POLICY = UpkeepPolicy(GarbagePolicy(DAY, 7 * DAY), DAY, 2 * DAY, 0, 30 * DAY)
START = 1_793_527_200.0


@pytest.fixture
def running(stores):
    """(the upkeep, its clock, its plays)."""
    clock, plays = FakeClock(wall=START), Plays()
    return Upkeep(stores, POLICY, clock, plays, Mover(stores, stores.cold, WantedRenditions())), clock, plays


async def test_a_month_in_the_life_of_a_store(running, stores, publish, tmp_path):
    """Garbage goes, damage is repaired, what nobody plays is moved; what is played is remembered."""
    upkeep, clock, _ = running
    title = await publish(Library(stores.store), "x", 1, {"v240/1.m4s": b"a", "v720/1.m4s": b"b"}, {"m.m3u8": b"c"})
    await stores.store.put("media/x/v9/stray", b"stray")
    made = await Library(stores.store).current(title)
    (tmp_path / "replica" / made.files[0].key).write_bytes(b"X")
    for _ in range(40):
        upkeep.note_play("x", "v720/1.m4s")
        await upkeep.tick()
        clock.move(DAY)
    assert "media/x/v9/stray" not in files_of(tmp_path / "hot"), "the clock of the test is behind that of its files"
    counts = upkeep.counts
    assert (counts.garbage_objects, counts.scrub_damaged, counts.scrub_repaired, counts.scrub_lost) == (1, 1, 1, 0)
    assert counts.cooled_objects == 1
    assert counts.scrubbed_bytes >= 3
    assert [key for key in files_of(tmp_path / "cold") if "v240" in key]
    assert (await read_days(stores.store, "x"))["v720"] == int(clock.wall()) // DAY - 1


async def test_what_scrubbing_finds_is_counted_before_the_pass_ends(running, stores, publish, tmp_path, monkeypatch):
    """A pass takes days: a lost object raises the alert when it is found, and a pass that is cut short stays counted.

    The next pass goes on after the last title.
    """
    upkeep, clock, _ = running
    for content_id in ("a", "b"):
        title = await publish(Library(stores.store), content_id, 1, {"v240/1.m4s": b"x"}, {})
        made = await Library(stores.store).current(title)
        for copy in ("hot", "replica"):
            (tmp_path / copy / made.files[0].key).unlink()
    await upkeep.tick()
    clock.move(3 * DAY)
    whole = Scrubber.scrub_title

    async def cut_short(self, content_id):
        if content_id == "b":
            raise StoreFailed(StoreFault.UNAVAILABLE, "away")
        await whole(self, content_id)

    with monkeypatch.context() as broken:
        broken.setattr(Scrubber, "scrub_title", cut_short)
        await upkeep.tick()
    assert upkeep.counts.scrub_lost == 1
    clock.move(2 * STALLED_SECONDS)
    await upkeep.tick()
    assert upkeep.counts.scrub_lost == 2


async def test_a_store_that_is_down_stops_nothing(running, stores):
    """The next tick tries again; at a stop plays are saved."""
    upkeep, clock, plays = running
    stores.hot.down = stores.replica.down = True
    plays.note("x", "v720/1.m4s", clock.wall())
    await upkeep.tick()
    await upkeep.stop()
    stores.hot.down = stores.replica.down = False
    await upkeep.stop()
    assert await read_days(stores.store, "x") == {"v720": int(START) // DAY}


async def test_a_bug_of_ours_ends_no_other_duty(running, stores, monkeypatch):
    """Garbage is not collected; plays are saved all the same."""
    upkeep, clock, plays = running
    await upkeep.tick()
    clock.move(2 * DAY)
    monkeypatch.setattr("origin.upkeep.upkeep.TICK_SECONDS", 0.001)
    failed = asyncio.Event()

    async def broken(_):
        failed.set()
        raise KeyError("a bug")

    monkeypatch.setattr("origin.upkeep.garbage.Collector.collect", broken)
    async with asyncio.timeout(20), run_alongside(upkeep.run()):
        await failed.wait()
        plays.note("x", "v720/1.m4s", clock.wall())
        while not await read_days(stores.store, "x"):
            await asyncio.sleep(0.01)


async def test_nothing_is_due_where_it_is_turned_off(stores, tmp_path):
    clock = FakeClock(wall=START)
    upkeep = Upkeep(stores, UpkeepPolicy(GarbagePolicy(DAY, DAY), 0.0, 0.0, 0, DAY), clock, Plays(), None)
    await upkeep.tick()
    clock.move(1000 * DAY)
    await upkeep.tick()
    assert files_of(tmp_path / "hot") == set()
