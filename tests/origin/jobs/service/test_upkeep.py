"""What the service does by itself."""

import dataclasses
from types import SimpleNamespace

from origin.jobs.job_graph import StepKind
from origin.jobs.records import Failure
from origin.jobs.retry_policy import FailureReason
from origin.jobs.service.upkeep import KeepTimes, Neighbours, Upkeep
from system.clock import SystemClock
from tests.doubles.clock import FakeClock
from tests.origin.jobs.service.conftest import until
from tests.origin.jobs.service.test_content_routes import ingest
from tests.origin.jobs.service.test_ingest_service import upload
from tests.origin.uploads.conftest import CHUNK


async def fail(origin, lease):
    await origin.ingest.queue.fail(lease.token, Failure(FailureReason.FILM, "why"), SystemClock.wall())


async def test_alerts_are_counted_once(origin):
    """Those from before the start are not told again."""
    await ingest(origin, "a.mp4")
    await fail(origin, await origin.lease())
    upkeep = origin.ingest.upkeep
    await upkeep.end_and_alert()
    assert upkeep.counts.alerts == {}
    await ingest(origin, "b.mp4")
    await fail(origin, await origin.lease())
    await upkeep.end_and_alert()
    await upkeep.end_and_alert()
    assert upkeep.counts.alerts == {"job-failed": 1}


async def test_the_first_alert_of_a_new_queue_is_reported(origin):
    """There was none at the first look: whatever comes later is new, also after the old ones are deleted."""
    upkeep = origin.ingest.upkeep
    await upkeep.end_and_alert()
    await ingest(origin, "a.mp4")
    await fail(origin, await origin.lease())
    await upkeep.end_and_alert()
    assert upkeep.counts.alerts == {"job-failed": 1}
    await origin.ingest.queue.delete_ended(SystemClock.wall() + 1.0)
    await ingest(origin, "b.mp4")
    await fail(origin, await origin.lease())
    await upkeep.end_and_alert()
    assert upkeep.counts.alerts == {"job-failed": 2}


async def test_a_neighbour_does_the_jobs_of_a_silent_origin(start_origin, empty_postgresql, tmp_path):
    """From the film's location, or not at all where only the silent origin may read that. Its own folder goes."""
    (tmp_path / "password").touch(0o600)
    (tmp_path / "password").write_text(empty_postgresql.password)
    shared = {"database": empty_postgresql.url, "database_password_file": tmp_path / "password", "adopt_after": 0.01}
    silent = await start_origin(data=tmp_path / "a", **shared)
    content = await ingest(silent, "a.mp4")
    silent.ingest.folders.of((await silent.lease()).job_id).make()
    blind = await start_origin(data=tmp_path / "b", ingest_folders=(), **shared)
    await blind.ingest.upkeep.visit_neighbours()
    assert (await silent.ingest.views.active_job(content)).home == silent.ingest.home
    other = await start_origin(data=tmp_path / "c", **shared)

    async def adopted():
        await other.ingest.upkeep.visit_neighbours()
        return (await other.ingest.views.active_job(content)).home == other.ingest.home

    await until(adopted)
    assert (await other.lease()).step.kind is StepKind.RECEIVE
    await silent.ingest.upkeep.tidy()
    assert silent.ingest.folders.ids() == []


async def test_an_origin_that_was_without_its_database_gives_the_others_time_to_come_back():
    """Nobody could set a mark meanwhile, so all looked silent, and the first one back took the jobs of all."""

    class Origins:
        database, adopting = SimpleNamespace(is_shared=True), 0

        async def note(self, _):
            """Succeeds."""

        async def adopt(self, *_):
            self.adopting += 1
            return [], 0

    origins, clock = Origins(), FakeClock()
    neighbours = Neighbours(origins, 120.0, lambda _: True)
    upkeep = Upkeep(None, None, None, None, "home", neighbours, KeepTimes(1.0, 1.0, 1.0), clock)
    for seconds, looked in ((0.0, 0), (5.0, 0), (5.0, 0), (5.0, 0), (5.0, 1), (5.0, 2), (300.0, 2), (5.0, 2)):
        await clock.advance(seconds)
        await upkeep.visit_neighbours()
        assert origins.adopting == looked


async def test_folders_and_uploads_go_with_their_jobs(origin):
    """A published job needs nothing any more; a failed one keeps its files for a retry, an unknown one none."""
    folders = origin.ingest.folders
    answer, _ = await upload(origin)
    await origin.client.patch(answer.headers["Location"], data=b"film", headers=CHUNK | {"Upload-Offset": "0"})
    await ingest(origin, "b.mp4")
    ids = [one.job_id for one in await origin.ingest.views.list_jobs([], 10)]
    failing = await origin.lease()
    while failing.job_id == ids[1]:
        await origin.ingest.queue.finish(failing.token, SystemClock.wall())
        failing = await origin.run(until=StepKind.RECEIVE)
    for job_id in (*ids, "job-0000000000000000"):
        folders.of(job_id).make()
    await fail(origin, failing)
    await origin.ingest.upkeep.tidy()
    assert folders.ids() == [failing.job_id]
    assert (await origin.client.head(answer.headers["Location"], headers={"Tus-Resumable": "1.0.0"})).status == 404
    upkeep = origin.ingest.upkeep
    upkeep.keep = dataclasses.replace(upkeep.keep, failed=0.0)
    await upkeep.tidy()
    assert folders.ids() == []
