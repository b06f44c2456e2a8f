"""The service opens, even later; another origin cannot use its folder."""

import asyncio
import dataclasses

import pytest

from kernel.errors import BadSettings, StorageFailed
from kernel.settings.store_address import StoreAddress
from origin.jobs.job_graph import StepKind
from origin.jobs.service.ingest_app import IngestApp
from origin.stores.open_store import StoreLocations
from system.clock import SystemClock
from tests.origin.jobs.service.conftest import until
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
    place = StoreLocations(StoreAddress(origin.films / "other"))
    app = IngestApp(settings, place, None, SystemClock())
    assert not await app.try_open()
    await app.close()


def test_settings_that_cannot_be(origin, tmp_path):
    place = StoreLocations(StoreAddress(tmp_path / "s"))
    with pytest.raises(BadSettings, match="database"):
        IngestApp(dataclasses.replace(origin.settings, database="file.sqlite3"), place, None, SystemClock())
    (tmp_path / "file").write_text("x")
    with pytest.raises(BadSettings, match="data"):
        IngestApp(dataclasses.replace(origin.settings, data=tmp_path / "file"), place, None, SystemClock())


@pytest.mark.parametrize(("task", "method"), [("upkeep", "end_and_alert"), ("workers", "run")])
async def test_a_bug_in_a_background_task_does_not_end_the_origin(origin, monkeypatch, task, method):
    """The task is counted and restarted, the other one goes on, viewers are served, and the origin stops as asked."""
    monkeypatch.setattr("rpc.supervised.FIRST_BACKOFF", 0.0)
    ended, restarted = getattr(getattr(origin.ingest, task), method), asyncio.Event()
    failures = [RuntimeError("bug"), KeyError("bug")]

    async def fail(*arguments):
        if failures:
            raise failures.pop()
        restarted.set()
        return await ended(*arguments)

    monkeypatch.setattr(getattr(origin.ingest, task), method, fail)
    async with asyncio.timeout(20), asyncio.TaskGroup() as group:
        running = group.create_task(origin.ingest.run())
        await restarted.wait()
        assert not running.done()
        assert origin.ingest.counts.task_failures == {task: 2}
        assert (await origin.client.get("/healthz")).status == 200
        origin.ingest.stopping.set()


async def test_a_task_that_fails_at_the_stop_does_not_delay_it(origin, monkeypatch):
    """Neither the pause nor a restart is waited for."""

    async def fail(*_):
        raise RuntimeError("bug")

    monkeypatch.setattr("rpc.supervised.FIRST_BACKOFF", 3600.0)
    monkeypatch.setattr(origin.ingest.workers, "stop", fail)
    monkeypatch.setattr(origin.ingest.workers, "run", fail)
    async with asyncio.timeout(20), asyncio.TaskGroup() as group:
        group.create_task(origin.ingest.run())

        async def failed():
            return origin.ingest.counts.task_failures

        assert await until(failed) == {"workers": 1}
        origin.ingest.stopping.set()


async def test_a_bug_while_the_queue_is_opened_leaves_viewers_served(origin, monkeypatch):
    """Counted, and tried again."""
    await origin.ingest.close()

    async def fail(*_):
        raise RuntimeError("bug")

    with monkeypatch.context() as broken:
        broken.setattr(origin.ingest.queue, "count_lost_at_home", fail)
        assert not await origin.ingest.try_open()
        assert (await origin.client.get("/healthz")).status == 200
        assert (await origin.client.get("/content/jobs")).status == 503
    assert origin.ingest.counts.task_failures == {"open": 1}
    assert await origin.ingest.try_open()
