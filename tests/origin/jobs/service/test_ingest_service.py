"""Uploads that become jobs, titles that only the library has, and masters."""

import pytest

from origin.jobs.job_graph import StepKind
from origin.uploads.tus_protocol import format_metadata
from system.clock import SystemClock
from tests.origin.jobs.service.test_content_routes import ingest
from tests.origin.uploads.conftest import CHUNK, TUS


async def upload(origin, data=b"film", metadata=None):
    fields = TUS | {
        "Upload-Length": str(len(data)),
        "Upload-Metadata": format_metadata(metadata or {"filename": "a b.mp4"}),
    }
    answer = await origin.client.post("/content/uploads", headers=fields)
    return answer, await answer.json()


async def test_an_upload_becomes_a_job(origin):
    """The title exists from the first byte on; the job with the last one."""
    answer, made = await upload(origin, metadata={"filename": "x.mp4", "title": "My Film"})
    content = answer.headers["X-Content-Id"]
    assert (answer.status, made["contentId"], content[:8]) == (201, content, "my-film-")
    assert answer.headers["Location"] == f"/content/uploads/{content}"
    assert (await origin.get(f"/content/{content}"))[1]["status"] == "UPLOADING"
    assert (await origin.post("/content/transcode", {"contentId": content}))[0] == 409
    done = await origin.client.patch(answer.headers["Location"], data=b"film", headers=CHUNK | {"Upload-Offset": "0"})
    assert done.status == 204
    shown = (await origin.get(f"/content/{content}"))[1]
    assert (shown["status"], shown["title"]) == ("QUEUED", "My Film")
    lease = await origin.lease()
    assert (lease.step.kind, lease.request.upload_id, lease.request.film_name) == (StepKind.RECEIVE, content, "x.mp4")


async def test_an_upload_for_a_title_that_was_ingested(origin):
    """Title, metadata and profiles of the ingest are the job's."""
    body = {"title": "T", "metadata": {"year": 1}, "encodingProfiles": ["hevc"]}
    content = (await origin.post("/content/ingest", body))[1]["contentId"]
    answer, _ = await upload(origin, metadata={"filename": "x.mp4", "contentId": content})
    await origin.client.patch(answer.headers["Location"], data=b"film", headers=CHUNK | {"Upload-Offset": "0"})
    request = (await origin.lease()).request
    assert (request.content_id, request.title, request.metadata) == (content, "T", {"year": 1})
    assert request.profiles == ("hevc",)
    again, _ = await upload(origin, metadata={"contentId": content})
    assert again.status == 409, "an ingest of the title runs"


async def test_an_upload_that_is_given_up(origin):
    """Before its end the title has failed; afterwards its job is cancelled."""
    answer, _ = await upload(origin)
    content = answer.headers["X-Content-Id"]
    assert (await origin.client.delete(answer.headers["Location"], headers=TUS)).status == 204
    shown = (await origin.get(f"/content/{content}"))[1]
    assert (shown["status"], shown["reason"]) == ("FAILED", "The upload was ended before it was complete.")
    answer, made = await upload(origin)
    await origin.client.patch(answer.headers["Location"], data=b"film", headers=CHUNK | {"Upload-Offset": "0"})
    await origin.client.delete(answer.headers["Location"], headers=TUS)
    assert (await origin.get(f"/content/{made['contentId']}"))[1]["status"] == "FAILED"
    assert await origin.lease() is None


@pytest.mark.parametrize("content", ["../x", "uploads", ""])
async def test_uploads_for_no_title(origin, content):
    answer, _ = await upload(origin, metadata={"contentId": content, "filename": "x"})
    assert answer.status == (400 if content else 201)


async def test_a_title_of_the_library_is_encoded_anew_from_its_master(start_origin, published, tmp_path):
    """What `matinee ingest` has published is known; without a master there is nothing to encode."""
    import shutil

    shutil.copytree(published[0], tmp_path / "store")
    origin = await start_origin()
    assert (await origin.get("/content/film1"))[1]["status"] == "PUBLISHED"
    status, made = await origin.post("/content/transcode", {"contentId": "film1"})
    assert status == 202
    assert (await origin.lease()).request.source == published[1].source
    assert (await origin.get("/content/film1"))[1]["jobId"] == made["jobId"]


async def test_a_full_queue_refuses_films_but_keeps_those_that_are_complete(origin, monkeypatch):
    """503 with Retry-After before the first byte; an upload that completes waits for a job."""
    early, _ = await upload(origin)
    content = await ingest(origin)
    monkeypatch.setattr("origin.jobs.queue.MAX_ACTIVE_JOBS", 1)
    (origin.films / "b.mp4").write_bytes(b"film")
    body = {"title": "B", "contentId": "b", "fileLocation": str(origin.films / "b.mp4")}
    refused = await origin.client.post("/content/ingest", json=body)
    assert (refused.status, (await refused.json())["reason"]) == (503, "jobs-waiting")
    assert int(refused.headers["Retry-After"]) > 0
    assert (await origin.get("/content/b"))[0] == 404
    refused, _ = await upload(origin)
    assert (refused.status, refused.headers["Retry-After"], refused.headers["Tus-Resumable"]) == (503, "60", "1.0.0")
    done = await origin.client.patch(early.headers["Location"], data=b"film", headers=CHUNK | {"Upload-Offset": "0"})
    assert (done.status, done.headers["Upload-Offset"]) == (204, "4")
    await origin.ingest.upkeep.tidy()
    assert len(await origin.ingest.views.list_jobs([], 10)) == 1
    job = await origin.ingest.views.active_job(content)
    await origin.ingest.queue.cancel(job.job_id, SystemClock.wall())
    await origin.ingest.upkeep.tidy()
    assert (await origin.lease()).request.upload_id == early.headers["X-Content-Id"]
