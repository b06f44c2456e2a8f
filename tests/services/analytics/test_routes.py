"""Operators ask what viewers saw: reports hold what was acknowledged before, closed or not, in the lake or not."""

import json

import pytest

from services.analytics.lake.lake_files import parse_key
from tests.services.analytics.conftest import T, cmcd_film

CMCD = {"Content-Type": "application/cmcd"}


@pytest.fixture
async def place(start):
    return await start(only="events,analytics", region="eu")


async def report(place, session="s", body=None):
    answer = await place.client.post("/events/cmcd", data=body or cmcd_film(session), headers=CMCD)
    assert answer.status == 202


async def test_a_film_is_in_the_report_at_once_and_from_the_lake(place, clock, tmp_path, until):
    await report(place)
    clock.now += 10
    status, rows = await place.get("/analytics/qoe?by=title")
    assert status == 200
    [row] = rows
    assert (row["title"], row["views"], row["starts"], row["startupMs"]["p50"]) == ("film", 1, 1, 1000)
    assert (row["rebufferRatio"], row["rebuffersPer10Min"]) == (round(2 / 59, 6), round(600 / 59, 4))
    clock.now += 7200  # the view closes, and the next step writes it to the lake

    async def in_lake():
        await place.get("/analytics/qoe")
        return any(parse_key(path.relative_to(tmp_path / "data" / "lake").as_posix()).partition.kind == "views"
                   for path in (tmp_path / "data" / "lake").rglob("*.parquet"))  # fmt: skip

    await until(in_lake)
    assert (await place.get("/analytics/qoe?by=title"))[1] == rows


async def test_by_two_dimensions_and_for_one_value(place, clock):
    await report(place)
    await place.post("/events", [{"type": "start", "sessionId": "t", "at": T, "contentId": "other", "device": "tv"}])
    clock.now += 10
    _, rows = await place.get("/analytics/qoe?by=region,title")
    assert [(row["region"], row["title"]) for row in rows] == [("eu", "film"), ("eu", "other")]
    _, rows = await place.get("/analytics/qoe?by=title&device=tv")
    assert [row["title"] for row in rows] == ["other"]
    _, sessions = await place.get("/analytics/sessions?title=film")
    assert [(row["session"], row["stalledMs"]) for row in sessions] == [("s", 2000)]


async def test_the_other_reports(place, clock):
    await report(place)
    line = json.dumps({"time": T + 1, "session": "s", "path": "/cdn/eu/film/v720/1.m4s", "status": 200})
    await place.client.post("/logs/bulk", data=line, headers={"Content-Type": "application/x-ndjson"})
    clock.now += 10
    _, found = await place.get("/analytics/dropoff?contentId=film")
    assert (found["views"], len(found["minutes"])) == (1, 1)
    assert await place.get("/analytics/left-early?least=1") == (200, [])
    assert (await place.get("/analytics/live?by=region&seconds=60"))[0] == 200
    assert (await place.get("/analytics/live?by=region&value=eu"))[0] == 200
    [counts] = (await place.get("/analytics/views"))[1]
    assert (counts["contentId"], counts["byEvents"]) == ("film", 1)


@pytest.mark.parametrize(
    ("query", "named"),
    [
        ("qoe?by=shoe-size", "by"),
        ("qoe?by=title,title", "by"),
        ("qoe?from=yesterday", "from"),
        ("qoe?from=20&to=10", "from"),
        ("qoe?from=0&to=2000000000", "400 days"),
        ("live?by=title,region", "by"),
        ("live?seconds=5", "seconds"),
        ("dropoff", "contentId"),
        ("left-early?share=2", "share"),
        ("sessions?limit=0", "limit"),
    ],
)
async def test_a_wrong_parameter_is_named(place, query, named):
    status, body = await place.get(f"/analytics/{query}")
    assert status == 400
    assert named in body["detail"]


async def test_moments_are_iso_8601_too(place, clock):
    await report(place)
    clock.now += 10
    _, rows = await place.get("/analytics/qoe?from=2027-01-15T08:00:00Z&to=2027-01-15T10:00:01%2B01:00")
    assert [row["title"] for row in rows] == ["film"]


async def test_only_operators_may_ask(start):
    place = await start(only="events,analytics", insecure_dev=None)
    for path in ("qoe", "live", "dropoff?contentId=f", "left-early", "views", "sessions"):
        assert (await place.get(f"/analytics/{path}"))[0] == 401
    headers = {"Authorization": f"Bearer {place.key}"}
    assert (await place.get("/analytics/qoe", headers=headers))[0] == 200
