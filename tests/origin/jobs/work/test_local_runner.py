"""A whole job with real programs, step by step through the queue; what is lost on the way is made again."""

import asyncio

import msgspec
import pytest

from origin.ingest.sidecars import Sidecar
from origin.jobs.job_graph import StepKind, first_steps
from origin.jobs.job_states import JobState
from origin.jobs.job_views import JobViews
from origin.jobs.queue import JobQueue, QueueRules
from origin.jobs.records import JobRequest
from origin.jobs.schema import MIGRATIONS
from origin.jobs.work.encode_steps import EncodeTools
from origin.jobs.work.film_steps import FilmSteps, no_keys
from origin.jobs.work.job_folder import JobFolders
from origin.jobs.work.local_runner import LocalRunner
from origin.jobs.work.local_source import LocalSource
from origin.jobs.work.receive import Reception
from origin.jobs.work.worker import Worker
from origin.storage.blocking_library import BlockingLibrary
from origin.storage.records import object_key
from origin.stores.folder import open_folder
from origin.uploads.fetch import FetchLimits
from origin.uploads.locations import LocationRules
from origin.uploads.spool import Spool
from system.clock import SystemClock
from system.database.database import Database
from system.database.engine import DatabaseAddress


class LaterClock(SystemClock):
    """The machine's clock, and how far ahead of it the test is."""

    offset = 0.0

    def wall(self):
        return SystemClock.wall() + self.offset


class Lab:
    """A queue, a runner over real programs, and a worker that looks at each step before and after it."""

    def __init__(self, folder, tools, films):
        store, self.clock = open_folder(folder / "store"), LaterClock()
        self.library, self.folders = BlockingLibrary(store), JobFolders(folder / "work")
        self.database = Database(DatabaseAddress(folder / "jobs.sqlite3"), MIGRATIONS, "jobs")
        self.queue, self.views = JobQueue(self.database, QueueRules()), JobViews(self.database)
        reception = Reception(Spool(folder / "up"), store, LocationRules(folders=(films,)), FetchLimits(1 << 30))
        steps = FilmSteps(tools, self.library, no_keys, self.clock.wall)
        self.runner = LocalRunner(self.folders, reception, steps, EncodeTools(tools), "ultrafast", 1)
        self.ran, self.before, self.after = [], {}, {}

    def run(self, lease, report):
        self.ran.append(lease.step.id)
        self.before.pop(lease.step.kind, lambda _: None)(self.folders.of(lease.job_id))
        outcome = self.runner.run(lease, report)
        if (error := self.after.pop(lease.step.kind, None)) is not None:
            raise error
        return outcome

    def publish_meanwhile(self):
        """Somebody else publishes new top files."""
        title = self.library.title("film")
        self.library.publish(msgspec.structs.replace(title, version=title.version + 1), None, {"x.m3u8": b"x"})

    async def ingest(self, film, **more):
        request = JobRequest("film", title="A Film", location=str(film), film_name=film.name, **more)
        job_id = await self.queue.add_job(request, first_steps(), 0, self.clock.wall())
        return await self.work_later(job_id, 0.0)

    async def work_later(self, job_id, seconds=100.0):
        """Work until there is nothing to do; returns the job."""
        self.clock.offset += seconds
        source = LocalSource(self.queue, "w", "origin", self.clock)
        self.ran = []
        await Worker(source, self, self.clock, asyncio.Event(), idle_exit=0.0).run()
        return await self.views.job(job_id)

    async def title(self):
        return await asyncio.to_thread(self.library.title, "film")


@pytest.fixture
async def lab(tmp_path, tools, films):
    made = Lab(tmp_path, tools, films().parent)
    await made.database.open()
    yield made
    await made.database.close()


async def test_a_film_becomes_a_title(lab, films):
    """With subtitles that came in a file of their own. The same again is known."""
    words = films().with_name("words.srt")
    words.write_bytes("1\n00:00:00,500 --> 00:00:01,500\nGrüße\n".encode("cp1252"))
    with_words = {"subtitles": (Sidecar(str(words), language="de", hearing_impaired=True),)}
    job = await lab.ingest(films(), metadata={"year": 1999}, **with_words)
    assert (job.state, job.detail) == (JobState.PUBLISHED, None)
    title = await lab.title()
    assert (title.title, title.version, title.metadata) == ("A Film", 1, {"year": 1999})
    assert await asyncio.to_thread(lab.library.is_whole, title)
    assert [one.language for one in title.text] == ["de"]
    made = await asyncio.to_thread(lab.library.current, title)
    [key] = [object_key("film", 1, one) for one in made.files if one.path == "s_de/00001.vtt"]
    assert (
        "00:00:00.500 --> 00:00:01.500 align:center\nGrüße" in (await asyncio.to_thread(lab.library.read, key)).decode()
    )
    again = await lab.ingest(films(), metadata={"year": 2000}, **with_words)
    assert (again.state, lab.ran) == (JobState.PUBLISHED, ["receive", "probe", "publish", "announce"])
    assert ((await lab.title()).version, (await lab.title()).metadata) == (1, {"year": 2000})


async def test_lost_and_damaged_files_are_made_again(lab, films):
    """A chunk is gone before it is joined, a rendition is damaged before the check, the package before it is stored."""
    lab.before = {
        StepKind.JOIN: lambda folder: next(folder.encoded.glob("v240.*.mp4")).unlink(),
        StepKind.CHECK: lambda folder: (folder.encoded / "v240.mp4").write_bytes(b""),
        StepKind.PUBLISH: lambda folder: (folder.path / "packaged").rename(folder.path / "gone"),
    }
    job = await lab.ingest(films())
    assert job.state is JobState.PUBLISHED, job.detail
    assert lab.ran.count("video/h264/0000") == 3
    assert lab.ran.count("package") == 2
    assert (await lab.title()).version == 1


async def test_a_kill_between_the_publication_and_its_record(lab, films):
    """The second attempt finds the publication that the first has made."""
    lab.after = {StepKind.PUBLISH: OSError("killed here")}
    job = await lab.ingest(films())
    assert (job.state, (await lab.title()).version) == (JobState.TRANSCODING, 1)
    job = await lab.work_later(job.job_id)
    assert (job.state, (await lab.title()).version, lab.ran) == (JobState.PUBLISHED, 1, ["publish", "announce"])


async def test_another_publication_in_between(lab, films):
    """The number of the package is used up: it is packaged again under the next one."""
    await lab.ingest(films())
    other = films("silent.mp4", sound=0)
    lab.before = {StepKind.PUBLISH: lambda _: lab.publish_meanwhile()}
    job = await lab.ingest(other)
    assert job.state is JobState.PUBLISHED, job.detail
    assert lab.ran.count("package") == 2
    assert ((await lab.title()).version, (await lab.title()).renditions[0].name) == (3, "v240-3")


async def test_a_film_at_fault_fails_with_its_reason(lab, films):
    broken = films().with_name("broken.mp4")
    broken.write_bytes(films().read_bytes()[:5000])
    job = await lab.ingest(broken)
    assert (job.state, job.reason) == (JobState.FAILED, "film")
    assert "truncated" in job.detail or "index" in job.detail
    assert await lab.title() is None
