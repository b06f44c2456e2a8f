"""Jobs survive their origin: another one on the same database does them."""

import pytest

from origin.jobs import adoption
from origin.jobs.adoption import Homes, request_elsewhere
from origin.jobs.job_graph import StepKind
from origin.jobs.job_states import JobState
from origin.jobs.queue import PLANNED, JobQueue, QueueRules
from origin.jobs.queue_rows import ReceivedFilm, json_text
from origin.jobs.records import JobRequest

SILENT = 60.0


@pytest.fixture
async def neighbour(stage):
    """Another origin on the queue of `stage`."""
    await Homes(stage.database, "home", PLANNED).note(stage.now)

    class Neighbour:
        after = 0
        queue, homes = JobQueue(stage.database, QueueRules(home="other")), Homes(stage.database, "other", PLANNED)

        async def adopt(self, *, can_fetch=True):
            adopted, self.after = await self.homes.adopt(stage.now, SILENT, lambda _: can_fetch, self.after)
            return adopted

        async def run(self, until=None):
            """Do the steps until one of a kind is leased, or none is left."""
            while (lease := await self.queue.lease("w9", "other", tuple(StepKind), stage.now)) is not None:
                if lease.step.kind is until:
                    return lease
                assert await stage.finish(lease)
            return None

    return Neighbour()


@pytest.mark.parametrize(
    ("request_", "kept", "can_fetch", "expected"),
    [
        (JobRequest("f", source="aa"), None, False, JobRequest("f", source="aa")),
        (
            JobRequest("f", upload_id="u", film_name="a.mp4"),
            "bb",
            False,
            JobRequest("f", source="bb", film_name="a.mp4"),
        ),
        (JobRequest("f", location="/x/a.mp4"), "bb", True, JobRequest("f", source="bb", film_name="a.mp4")),
        (JobRequest("f", location="/x/a.mp4"), None, True, JobRequest("f", location="/x/a.mp4")),
        (JobRequest("f", location="/x/a.mp4"), None, False, None),
        (JobRequest("f", upload_id="u"), None, True, None),
    ],
)
def test_where_another_origin_gets_the_film(request_, kept, can_fetch, expected):
    assert request_elsewhere(request_, kept, lambda _: can_fetch) == expected


async def test_the_jobs_of_a_silent_origin_are_done_by_another(stage, neighbour):
    """From the first step on: the files of those that were done are on the other host. Late results are dropped."""
    job = await stage.add(location="/films/a.mp4")
    late = await stage.run(until=StepKind.JOIN)
    stage.now += SILENT - 1
    assert await neighbour.adopt() == []
    assert await neighbour.run(until=StepKind.RECEIVE) is None, "a job of another origin was leased"
    stage.now += 2
    assert await neighbour.adopt() == [job]
    assert await neighbour.adopt() == []
    assert await stage.lease() is None, "the origin that was silent has lost it"
    assert not await stage.finish(late)
    assert (await neighbour.run(until=StepKind.PACKAGE)).step.id == "package"
    assert (await stage.views.job(job)).home == "other"


async def test_an_origin_that_is_there_keeps_its_jobs(stage, neighbour):
    """Its mark counts, whatever its jobs do; so does the progress of its workers while it cannot set the mark."""
    await stage.add(location="/films/a.mp4")
    stage.now += SILENT + 1
    await Homes(stage.database, "home", PLANNED).note(stage.now)
    assert await neighbour.adopt() == []
    stage.now += SILENT + 1
    lease = await stage.lease()
    assert await stage.queue.extend(lease.token, 0.5, stage.now)
    assert await neighbour.adopt() == []


async def test_a_publication_that_was_not_announced_is_announced_by_the_other(stage, neighbour):
    job = await stage.add(location="/films/a.mp4")
    assert await stage.run(until=StepKind.ANNOUNCE)
    stage.now += SILENT + 1
    assert await neighbour.adopt(can_fetch=False) == [job]
    assert await neighbour.run() is None
    assert (await stage.views.job(job)).state is JobState.PUBLISHED


async def test_an_upload_that_is_on_the_silent_host_alone_waits_for_it(stage, neighbour):
    """An alert says so, once. As soon as the master is in the store, the job can go on anywhere."""
    job = await stage.add(upload_id="up", film_name="a.mp4")
    stage.now += SILENT + 1
    assert (await neighbour.adopt(), await neighbour.adopt()) == ([], [])
    assert [one.kind for one in await stage.views.list_alerts(0, 10)] == ["origin-silent"]
    film = json_text(ReceivedFilm("ab" * 32, 9, kept=True)).encode()
    assert await stage.queue.finish((await stage.lease()).token, stage.now, result=film)
    stage.now += SILENT + 1
    assert await neighbour.adopt() == [job]
    assert (await stage.views.job(job)).request == JobRequest("film", source="ab" * 32, film_name="a.mp4")


async def test_jobs_that_cannot_be_adopted_do_not_hide_later_ones(stage, neighbour, monkeypatch):
    """The first hundred that waited for a silent host were looked at again and again, and no other."""
    monkeypatch.setattr(adoption, "MAX_AT_ONCE", 2)
    for number in range(3):
        await stage.add(f"upload{number}", upload_id=f"up{number}", film_name="a.mp4")
    job = await stage.add(location="/films/a.mp4")
    stage.now += SILENT + 1
    assert [await neighbour.adopt() for _ in range(3)] == [[], [job], []]
