"""Analytics where its packages are missing, and what it counts."""

import pytest

from kernel.errors import BadSettings
from services import analytics_assembly


@pytest.fixture
def without_duckdb(monkeypatch):
    monkeypatch.setattr(analytics_assembly, "find_spec", lambda name: None if name == "duckdb" else object())


async def test_the_services_run_without_the_extra(start, without_duckdb):
    place = await start()
    assert (await place.post("/events", [{"type": "hover", "at": 1}]))[0] == 202
    assert (await place.get("/analytics/qoe"))[0] == 404


async def test_whoever_asks_for_analytics_by_name_is_told_what_is_missing(start, without_duckdb):
    with pytest.raises(BadSettings, match="extra `analytics`, of which duckdb"):
        await start(only="analytics")


async def test_views_are_counted_by_region(start, clock, until):
    place = await start(only="events,analytics", region="eu")
    now = clock.wall()
    start_of = {"type": "start", "sessionId": "s", "at": now}
    await place.post("/events", [start_of, start_of | {"type": "first-frame", "at": now + 1, "startup": 1.2}])

    async def counted():
        clock.now += 10
        return 'matinee_qoe_events_total{kind="start",region="eu"} 1.0' in await metrics(place)

    await until(counted)
    assert 'matinee_qoe_startup_seconds_sum{region="eu"} 1.2' in await metrics(place)


async def metrics(place):
    async with place.client.get("/metrics") as answer:
        return await answer.text()
