"""Renditions that nobody plays move to the cold store and come back, and no reader notices."""

import asyncio

import pytest

from origin.storage.library import Library
from origin.storage.records import FileRecord, Publication
from origin.upkeep.cooling import Mover, WantedRenditions, cold_folders
from origin.upkeep.plays import DAY, Plays
from tests.doubles.object_store import FaultyStore, files_of

PUBLISHED = 1_793_527_200.0
"""2026-11-01T10:00:00Z, when the title of these tests was published."""
FILES = {"v240/1.m4s": b"small", "v720/1.m4s": b"large", "v720/2.m4s": b"large too", "thumbs/poster.jpg": b"poster"}


@pytest.fixture
async def title(stores, publish):
    return await publish(Library(stores.store), "x", 1, FILES, {"master.m3u8": b"top"})


async def contents(stores, title):
    made = await Library(stores.store).current(title)
    return {record.path: bytes(await stores.store.read(record.key, 0, record.size)) for record in made.files}


def names(folder):
    objects = [
        key.rpartition("/publication-")[2].partition("/")[2] for key in files_of(folder) if key.startswith("media/")
    ]
    return {path for path in objects if "/" in path}


async def test_what_nobody_played_goes_and_comes_back(stores, title, tmp_path):
    """The replica keeps its copy: there are never fewer copies than before."""
    wanted, plays = WantedRenditions(), Plays()
    mover = Mover(stores, stores.cold, wanted)
    plays.note("x", "v240/1.m4s", PUBLISHED + 25 * DAY)
    await plays.save(stores.store)
    assert (await mover.cool(PUBLISHED + 29 * DAY, 30)).objects == 0
    report = await mover.cool(PUBLISHED + 31 * DAY, 30)
    assert (report.renditions, report.objects, report.bytes, report.failed) == (1, 2, 14, 0)
    assert names(tmp_path / "hot") == {"v240/1.m4s", "thumbs/poster.jpg"}
    assert names(tmp_path / "cold") == {"v720/1.m4s", "v720/2.m4s"}
    assert names(tmp_path / "replica") == set(FILES)
    assert await contents(stores, title) == FILES
    assert (await mover.cool(PUBLISHED + 31 * DAY, 30)).objects == 0
    assert await mover.bring_back("x", "v720") == 2
    assert names(tmp_path / "hot") == set(FILES)
    assert await mover.bring_back("x", "v720") == 0
    assert await mover.bring_back("never", "v720") == 0


async def test_a_kill_at_any_change_loses_nothing(stores, title, tmp_path):
    """At each moment every object can be read, and the next run ends the move."""

    class Killed(BaseException):
        pass

    at, is_done = 0, False
    while not is_done:
        broken = [FaultyStore(store, at, Killed()) for store in (stores.hot, stores.cold)]
        import dataclasses

        mover = Mover(dataclasses.replace(stores, hot=broken[0]), broken[1], WantedRenditions())
        try:
            is_done = (await mover.cool(PUBLISHED + 100 * DAY, 30)).failed == 0
        except Killed:
            at += 1
        stores.replica.down = True
        assert await contents(stores, title) == FILES
        stores.replica.down = False
    assert at > 2
    assert names(tmp_path / "hot") == {"thumbs/poster.jpg"}


async def test_a_damaged_object_is_not_moved(stores, title, tmp_path):
    """Its good copy may be the replica's: the scrubber decides."""
    made = await Library(stores.store).current(title)
    key = next(record.key for record in made.files if record.path == "v720/2.m4s")
    (tmp_path / "hot" / key).write_bytes(b"large tOO")
    report = await Mover(stores, stores.cold, WantedRenditions()).cool(PUBLISHED + 100 * DAY, 30)
    assert report.failed == 1
    assert (tmp_path / "hot" / key).exists()
    assert not (tmp_path / "cold" / key).exists()


async def test_a_rendition_read_from_the_cold_store_comes_back_by_itself(stores, title, tmp_path):
    wanted = WantedRenditions()
    mover = Mover(stores, stores.cold, wanted)
    await mover.cool(PUBLISHED + 100 * DAY, 30)
    made = await Library(stores.store).current(title)
    wanted.want("media/gone/publication-1-ab/v240/1.m4s")
    for record in made.files:
        if record.path.startswith("v720/"):
            wanted.want(record.key)
    async with asyncio.TaskGroup() as group:
        runner = group.create_task(mover.run())
        async with asyncio.timeout(10):
            while names(tmp_path / "hot") != {"v720/1.m4s", "v720/2.m4s", "thumbs/poster.jpg"}:
                await asyncio.sleep(0.01)
        runner.cancel()


def test_what_waits_is_bounded_and_in_order(monkeypatch):
    monkeypatch.setattr("origin.upkeep.cooling.MAX_WANTED", 2)
    wanted = WantedRenditions()
    for key in ("media/x/v240/1.m4s", "media/x/v240/2.m4s", "media/x/publication-1-a/v720/1.m4s", "media/z/v240/1.m4s"):
        wanted.want(key)
    assert asyncio.run(wanted.next()) == ("x", "v240")
    wanted.done("x", "v240")
    assert asyncio.run(wanted.next()) == ("x", "v720")


def test_a_rendition_is_cold_when_it_is_old_and_unplayed():
    """By the last play, or the first publication that has it."""
    day = int(PUBLISHED) // DAY
    files = (FileRecord("v240/1.m4s", 1, "d"), FileRecord("thumbs/a.jpg", 1, "d"))
    made = [
        Publication(1, "2026-11-01T10:00:00Z", files, ()),
        Publication(2, "2026-11-20T10:00:00Z", (*files, FileRecord("v720-2/1.m4s", 1, "d")), ()),
    ]
    assert "v240" not in cold_folders(made, {}, day + 29, 30)
    assert "v240" in cold_folders(made, {}, day + 30, 30)
    assert "v240" not in cold_folders(made, {"v240": day + 5}, day + 30, 30)
    assert "v720-2" not in cold_folders(made, {}, day + 30, 30)
    assert "v720-2" in cold_folders(made, {}, day + 60, 30)
