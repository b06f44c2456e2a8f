"""The API of the ingest service, as operators call it."""

import pytest

from origin.jobs.job_graph import StepKind
from origin.jobs.records import Failure
from origin.jobs.retry_policy import FailureReason
from system.clock import SystemClock


async def ingest(origin, name="a.mp4", **more):
    (origin.films / name).write_bytes(b"film")
    body = {"title": "Film A", "fileLocation": str(origin.films / name), "metadata": {"year": 2001}} | more
    status, made = await origin.post("/content/ingest", body)
    assert (status, made["status"]) == (201, "UPLOADING"), made
    return made["contentId"]


async def test_a_film_from_ingest_to_published(origin):
    """The words of the contract at each stage."""
    content = await ingest(origin)
    assert content.startswith("film-a-")
    status, shown = await origin.get(f"/content/{content}")
    assert (status, shown["contentId"], shown["status"], shown["title"]) == (200, content, "QUEUED", "Film A")
    status, started = await origin.post("/content/transcode", {"contentId": content, "encodingProfiles": []})
    assert (status, started) == (202, {"jobId": shown["jobId"], "status": "TRANSCODING"}), "the job that runs already"
    await origin.run(until=StepKind.VIDEO)
    job = (await origin.get(f"/content/jobs/{started['jobId']}"))[1]
    assert (job["contentId"], job["status"], job["step"]) == (content, "TRANSCODING", "video")
    assert 0 < job["progress"] < 1
    assert "steps" not in job
    assert len((await origin.get(f"/content/jobs/{started['jobId']}?steps=1"))[1]["steps"]) > 8
    assert (await origin.get(f"/content/{content}"))[1]["status"] == "TRANSCODING"
    await origin.ingest.queue.count_lost("w", SystemClock.wall())
    await origin.run()
    job = (await origin.get(f"/content/jobs/{started['jobId']}"))[1]
    assert (job["status"], job["progress"]) == ("PUBLISHED", 1.0)
    assert (await origin.get(f"/content/{content}"))[1] == {
        "contentId": content,
        "status": "PUBLISHED",
        "title": "Film A",
    }


async def test_another_profile_is_another_job(origin):
    content = await ingest(origin)
    first = (await origin.get(f"/content/{content}"))[1]["jobId"]
    second = (await origin.post("/content/transcode", {"contentId": content, "encodingProfiles": ["hevc"]}))[1]["jobId"]
    assert second != first
    third = (await origin.post("/content/transcode", {"contentId": content, "encodingProfiles": ["hevc"]}))[1]["jobId"]
    assert third == second
    await origin.run()
    jobs = (await origin.get("/content/jobs?status=PUBLISHED&limit=1"))[1]
    assert [job["jobId"] for job in jobs["items"]] == [second]
    rest = (await origin.get(f"/content/jobs?cursor={jobs['nextCursor']}"))[1]
    assert ([job["jobId"] for job in rest["items"]], rest["nextCursor"]) == ([first], None)


async def test_a_failed_job_says_why_and_is_retried(origin):
    content = await ingest(origin)
    lease = await origin.run(until=StepKind.CHECK)
    failure = Failure(FailureReason.FILM, "the film is cut off at 3 s")
    await origin.ingest.queue.fail(lease.token, failure, SystemClock.wall())
    job = (await origin.get(f"/content/jobs/{lease.job_id}"))[1]
    assert (job["status"], job["reason"], job["reasonWord"]) == ("FAILED", "the film is cut off at 3 s", "film")
    shown = (await origin.get(f"/content/{content}"))[1]
    assert (shown["status"], shown["reason"]) == ("FAILED", "the film is cut off at 3 s")
    [alert] = (await origin.get("/content/alerts"))[1]["items"]
    assert (alert["kind"], alert["jobId"], alert["contentId"]) == ("job-failed", lease.job_id, content)
    assert (await origin.client.delete(f"/content/jobs/{lease.job_id}")).status == 409
    assert (await origin.post(f"/content/jobs/{lease.job_id}/retry", {}))[0] == 202
    assert (await origin.lease()).step.kind is StepKind.CHECK
    assert (await origin.post(f"/content/jobs/{lease.job_id}/retry", {}))[0] == 409, "it runs"


async def test_cancelling(origin):
    content = await ingest(origin)
    job = (await origin.get(f"/content/{content}"))[1]["jobId"]
    for _ in range(2):
        answer = await origin.client.delete(f"/content/jobs/{job}")
        assert (answer.status, (await answer.json())["status"]) == (200, "CANCELLED")
    assert (await origin.get(f"/content/{content}"))[1]["status"] == "FAILED"


async def test_workers_are_listed(origin):
    await origin.lease()
    [worker] = (await origin.get("/content/workers"))[1]["items"]
    assert (worker["worker"], worker["host"]) == ("w", "elsewhere")


@pytest.mark.parametrize(
    ("body", "status", "reason"),
    [
        ({"fileLocation": "/x"}, 400, "title"),
        ({"title": ""}, 400, "body-field"),
        ({"title": 5}, 400, "body-field"),
        ({"title": "x", "fileLocation": "/etc/passwd"}, 403, "location-not-allowed"),
        ({"title": "x", "fileLocation": "https://10.0.0.1/x"}, 403, "location-not-allowed"),
        ({"title": "x", "metadata": []}, 400, "body-field"),
        ({"title": "x", "metadata": {"countries": ["germany"]}}, 400, "metadata"),
        ({"title": "x", "encodingProfiles": ["vhs"]}, 400, "unknown-profile"),
        ({"title": "x", "encrypt": "rot13"}, 400, "encrypt"),
        ({"title": "x", "encodingProfiles": ["ts"], "encrypt": "cbcs"}, 400, "encrypt"),
        ({"title": "x", "contentId": "a/b"}, 400, "content-id"),
        ({"title": "x", "contentId": "jobs"}, 400, "content-id"),
        ({"title": "x", "priority": 1000}, 400, "body-field"),
        ({"title": "x" * 70_000}, 413, "body-too-large"),
    ],
)
async def test_an_ingest_that_is_refused(origin, body, status, reason):
    """Each with a word and a sentence, and nothing is made."""
    found, answer = await origin.post("/content/ingest", body)
    assert (found, answer["reason"]) == (status, reason), answer
    assert (await origin.get("/content/jobs"))[1]["items"] == []


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/content/none", 404),
        ("GET", "/content/a%2fb", 404),
        ("GET", "/content/jobs/none", 404),
        ("DELETE", "/content/jobs/none", 404),
        ("POST", "/content/jobs/none/retry", 404),
        ("GET", "/content/jobs/none/events", 404),
        ("GET", "/content/jobs?status=LATE", 400),
        ("GET", "/content/jobs?limit=0x", 400),
        ("POST", "/content/transcode", 404),
        ("PUT", "/content/ingest", 405),
    ],
)
async def test_what_is_not_there(origin, method, path, status):
    answer = await origin.client.request(method, path, json={"contentId": "none"} if method == "POST" else None)
    assert answer.status == status
    assert answer.content_type == "application/problem+json"


async def test_bodies_that_are_no_json(origin):
    for data, kind, status in (
        (b"{", "application/json", 400),
        (b"{}", "text/plain", 415),
        (b'{"a":1,"a":2}', "application/json", 400),
    ):
        answer = await origin.client.post("/content/ingest", data=data, headers={"Content-Type": kind})
        assert answer.status == status
