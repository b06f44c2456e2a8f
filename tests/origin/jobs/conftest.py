"""A queue on either engine, with a clock that the test moves and a small film's graph."""

import msgspec
import pytest

from origin.jobs.job_graph import StepKind, first_steps, job_steps
from origin.jobs.job_views import JobViews
from origin.jobs.queue import JobQueue, QueueRules
from origin.jobs.records import Failure, JobRequest
from origin.jobs.retry_policy import FailureReason, RetryLimits
from origin.jobs.schema import MIGRATIONS
from system.database.database import Database


class Chunk(msgspec.Struct):
    frames: int


class Track(msgspec.Struct):
    name: str
    group: str = "h264"
    width: int = 4
    height: int = 2
    sidecar: str = ""


class Shape(msgspec.Struct):
    """A plan's shape."""

    rungs: tuple = (Track("v240"), Track("v360"))
    chunks: tuple = (Chunk(48), Chunk(24))
    audio: tuple = (Track("a_eng"),)
    text: tuple = ()


class Stage:
    """A queue, its views and the time."""

    def __init__(self, database):
        self.database = database
        self.rules = QueueRules(lease=10.0, home="home", limits=RetryLimits(failures=3, losses=4))
        self.queue, self.views, self.now = JobQueue(database, self.rules), JobViews(database), 1000.0

    async def add(self, content_id="film", priority=0, **more):
        return await self.queue.add_job(JobRequest(content_id, **more), first_steps(), priority, self.now)

    async def lease(self, worker="w1", kinds=tuple(StepKind)):
        return await self.queue.lease(worker, "home", kinds, self.now)

    async def finish(self, lease):
        probe = lease.step.kind is StepKind.PROBE
        more = job_steps(Shape()) if probe else ()
        return await self.queue.finish(lease.token, self.now, plan=b'{"p":1}' if probe else None, more=more)

    async def fail(self, lease, reason=FailureReason.ENCODER, redo=()):
        return await self.queue.fail(lease.token, Failure(reason, "why", redo), self.now)

    async def run(self, until=None, worker="w1"):
        """Run steps until one of this kind is leased, which is returned, or none is left."""
        while (lease := await self.lease(worker)) is not None:
            if lease.step.kind is until:
                return lease
            assert await self.finish(lease)
        return None

    async def states(self, job_id):
        return {step.id: step.state.value for step in (await self.views.job(job_id)).steps}


@pytest.fixture
async def stage(database_address):
    database = Database(database_address, MIGRATIONS, "jobs")
    await database.open()
    yield Stage(database)
    await database.close()
