"""Control's HTTP door: purges and prefetches."""

from __future__ import annotations

import pytest

from httpd.rate_limiter import RateLimiter


@pytest.fixture
async def jobs(api):
    await api.plane.jobs.start()
    return api


async def test_a_purge_is_accepted_and_told(jobs) -> None:
    made = await jobs("POST", "/v1/purges?reason=wrong+cut", {"keys": ["t1"], "soft": True}, status=201)
    assert (made["job"], made["status"], made["trigger"]["type"]) == (1, "pending", "invalidate")
    assert made["reason"] == "wrong cut"
    assert await jobs("GET", "/v1/jobs/1") == made
    await jobs("GET", "/v1/jobs/2", status=404)


async def test_the_answer_names_the_job(jobs) -> None:
    headers = {"Authorization": "Bearer a-key-of-the-tests"}
    async with jobs.client.post("/v1/prefetches", json={"urls": ["/cdn/eu/t1/a"]}, headers=headers) as answer:
        assert answer.status == 201
        assert answer.headers["Location"] == "/v1/jobs/1"
        assert (await answer.json())["trigger"] == {"type": "preposition", "content": {"urls": ["/cdn/eu/t1/a"]}}


async def test_jobs_are_listed_in_pages(jobs) -> None:
    for key in ("a", "b", "c"):
        await jobs("POST", "/v1/purges", {"keys": [key]}, status=201)
    first = await jobs("GET", "/v1/jobs?limit=2")
    assert ([one["job"] for one in first["jobs"]], first["next"]) == ([3, 2], "2")
    rest = await jobs("GET", "/v1/jobs?limit=2&cursor=2")
    assert ([one["job"] for one in rest["jobs"]], rest["next"]) == ([1], None)


@pytest.mark.parametrize(
    ("method", "path", "body", "told"),
    [
        ("POST", "/v1/purges", {}, "name keys"),
        ("POST", "/v1/purges", {"regex": ["."]}, "regex"),
        ("POST", "/v1/purges", {"urls": ["/a/../b"]}, "urls[0]"),
        ("POST", "/v1/purges", {"keys": ["k"] * 5_001}, "at most 5000"),
        ("POST", "/v1/purges?wait=31", {"all": True}, "wait"),
        ("POST", "/v1/purges?wait=now", {"all": True}, "wait"),
        ("POST", "/v1/prefetches", {"urls": ["nowhere"]}, "urls[0]"),
        ("GET", "/v1/jobs/x", None, "job"),
        ("GET", "/v1/jobs/" + "9" * 30, None, "job"),
        ("GET", "/v1/jobs?cursor=-1", None, "cursor"),
    ],
)
async def test_what_cannot_be_is_told_with_its_place(jobs, method: str, path: str, body: object, told: str) -> None:
    assert told in (await jobs(method, path, body, status=400))["detail"]
    assert (await jobs("GET", "/v1/jobs"))["jobs"] == []


async def test_a_key_that_runs_wild_is_slowed_down(jobs) -> None:
    jobs.plane.jobs.rate = RateLimiter(1.0, 1.0)
    await jobs("POST", "/v1/purges", {"all": True}, status=201)
    assert (await jobs("POST", "/v1/purges", {"all": True}, status=429))["reason"] == "rate"
    assert (await jobs("POST", "/v1/prefetches", {"urls": ["/a"]}, status=429))["reason"] == "rate"


async def test_without_nodes_a_wait_ends_at_once(jobs) -> None:
    assert (await jobs("POST", "/v1/purges?wait=30", {"all": True}, status=201))["status"] == "pending"
