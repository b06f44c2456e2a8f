"""The service opens, even later; another origin cannot use its folder."""

import dataclasses

import pytest

from kernel.errors import BadSettings, StorageFailed
from origin.jobs.job_graph import StepKind
from origin.jobs.service.ingest_app import IngestApp, StorePlace
from origin.stores.store_address import StoreAddress
from system.clock import SystemClock
from tests.origin.jobs.service.test_content_routes import ingest


async def test_a_second_origin_waits_for_the_folder(origin, start_origin):
    with pytest.raises(StorageFailed, match="another origin"):
        await start_origin()


async def test_steps_of_killed_workers_are_free_after_a_start(start_origin):
    """Its own workers died with it; a worker elsewhere goes on."""
    origin = await start_origin()
    await ingest(origin)
    wall = SystemClock.wall()
    await origin.ingest.queue.lease("own", origin.ingest.home, tuple(StepKind), wall)
    await origin.ingest.close()
    again = await start_origin()
    assert again.ingest.home == origin.ingest.home
    assert (await again.lease()).attempt == 2


async def test_a_database_that_is_away_leaves_the_rest(origin):
    """It is said in the log, and tried again."""
    settings = dataclasses.replace(origin.settings, database="postgresql://127.0.0.1:1/none", data=None)
    place = StorePlace(StoreAddress(origin.films / "other"))
    app = IngestApp(settings, place, None, SystemClock())
    assert not await app.try_open()
    await app.close()


def test_settings_that_cannot_be(origin, tmp_path):
    place = StorePlace(StoreAddress(tmp_path / "s"))
    with pytest.raises(BadSettings, match="database"):
        IngestApp(dataclasses.replace(origin.settings, database="file.sqlite3"), place, None, SystemClock())
    (tmp_path / "file").write_text("x")
    with pytest.raises(BadSettings, match="data"):
        IngestApp(dataclasses.replace(origin.settings, data=tmp_path / "file"), place, None, SystemClock())
