"""A worker on another host: the film comes over HTTP, the result goes back, both checked."""

import hashlib

import aiohttp
import msgspec
import pytest

from kernel.errors import BadSettings, StorageFailed
from origin.jobs.job_graph import REMOTE_KINDS, StepKind
from origin.jobs.records import Failure
from origin.jobs.retry_policy import FailureReason
from origin.jobs.work.job_folder import FilmNote, JobFolders
from origin.jobs.work.remote_source import RemoteSource
from origin.jobs.work.step_outcome import StepOutcome
from system.clock import SystemClock
from tests.origin.jobs.service.test_content_routes import ingest

FILM = bytes(range(256)) * 8000


@pytest.fixture
async def remote(origin, tmp_path):
    """A worker's side, with a job whose plan is made."""
    await ingest(origin)
    film = origin.films / "a.mp4"
    film.write_bytes(FILM)
    lease = await origin.run(until=StepKind.PROBE)
    folder = origin.ingest.folders.of(lease.job_id)
    folder.make()
    seen = film.stat()
    folder.write_note(
        FilmNote(str(film), hashlib.sha256(FILM).hexdigest(), seen.st_size, seen.st_ino, seen.st_mtime_ns)
    )
    await origin.ingest.queue.release(lease.token, SystemClock.wall())
    await origin.ingest.queue.release((await origin.run(until=StepKind.AUDIO)).token, SystemClock.wall())
    async with aiohttp.ClientSession() as session:
        url = f"http://127.0.0.1:{origin.client.port}"
        yield RemoteSource(session, url, "far-1", "far", REMOTE_KINDS, JobFolders(tmp_path / "far"))


async def deliver(remote, lease, content=b"chunk"):
    from origin.encode.plan import EncodePlan
    from origin.jobs.work.encode_steps import files_of

    folder = remote.folders.of(lease.job_id).encoded
    names = files_of(msgspec.json.decode(lease.plan, type=EncodePlan), lease.step)
    files = tuple(folder / name for name in names)
    for file in files:
        file.write_bytes(content)
    return await remote.finish(lease, StepOutcome(files=files)), names


async def test_a_step_from_the_lease_to_the_result(origin, remote):
    lease = await remote.lease()
    assert lease.step.kind is StepKind.AUDIO
    await remote.prepare(lease)
    assert (remote.folders.of(lease.job_id).path / "film").read_bytes() == FILM
    assert await remote.extend(lease, 0.5)
    held, [name] = await deliver(remote, lease, b"sound" * 1000)
    assert held
    assert (origin.ingest.folders.of(lease.job_id).encoded / name).read_bytes() == b"sound" * 1000
    assert list(remote.folders.of(lease.job_id).encoded.iterdir()) == []
    assert list((origin.ingest.data / "uploads").iterdir()) == []
    assert (await remote.lease()).step.kind is StepKind.VIDEO


async def test_a_film_that_was_cut_off_is_continued(origin, remote):
    lease = await remote.lease()
    folder = remote.folders.of(lease.job_id)
    folder.make()
    (folder.path / "film.part").write_bytes(FILM[:1_000_000])
    await remote.prepare(lease)
    assert (folder.path / "film").read_bytes() == FILM


async def test_a_film_that_arrives_damaged_is_not_used(origin, remote):
    lease = await remote.lease()
    folder = remote.folders.of(lease.job_id)
    folder.make()
    (folder.path / "film.part").write_bytes(b"x" * 1_000_000)
    with pytest.raises(StorageFailed, match="damaged"):
        await remote.prepare(lease)
    await remote.prepare(lease)
    assert (folder.path / "film").read_bytes() == FILM


async def test_a_lost_lease_delivers_nothing(origin, remote):
    lease = await remote.lease()
    await remote.prepare(lease)
    await origin.ingest.queue.count_lost("far-1", SystemClock.wall())
    assert not await remote.extend(lease, 0.5)
    held, [name] = await deliver(remote, lease)
    assert not held
    assert not (origin.ingest.folders.of(lease.job_id).encoded / name).exists()


async def test_failures_and_stops_are_told(origin, remote):
    lease = await remote.lease()
    assert await remote.fail(lease, Failure(FailureReason.ENCODER, "oh"))
    [step] = [one for one in (await origin.ingest.views.job(lease.job_id)).steps if one.id == lease.step.id]
    assert (step.failures, step.detail) == (1, "oh")
    other = await remote.lease()
    await remote.release(other)
    assert (await remote.lease()).step.id == other.step.id


async def test_only_what_the_step_makes_is_accepted(origin, remote):
    lease = await remote.lease()
    for files, status in (({}, 400), ({"../x": "y"}, 400), ({"a_eng.mp4": "none"}, 409)):
        found, _ = await origin.post("/content/work/finish", {"token": lease.token, "files": files})
        assert found == status
    for body in ({"worker": "", "host": "x"}, {"worker": "x" * 101, "host": "x"}):
        assert (await origin.post("/content/work/lease", body))[0] == 400
    assert (await origin.client.get("/content/work/film?token=none")).status == 409
    wanted = {"worker": "greedy", "host": "x", "kinds": ["publish"]}
    assert (await origin.client.post("/content/work/lease", json=wanted)).status == 204


async def test_a_wrong_key_ends_the_worker(start_origin, tmp_path):
    key = tmp_path / "key"
    key.write_text("0123456789abcdef")
    key.chmod(0o600)
    origin = await start_origin(api_key_file=key)
    async with aiohttp.ClientSession() as session:
        url = f"http://127.0.0.1:{origin.client.port}"
        source = RemoteSource(session, url, "far", "far", REMOTE_KINDS, JobFolders(tmp_path / "far"))
        with pytest.raises(BadSettings, match="api_key_file"):
            await source.lease()
