"""The origin's library becomes what can be played."""

import asyncio

import aiohttp
import pytest

from services.catalogue.origin_poll import LibraryPoller
from services.catalogue.store import CatalogueStore
from services.counters import Counters
from system.database.engine import DatabaseAddress
from tests.doubles.clock import FakeClock


@pytest.fixture
async def store(tmp_path):
    store = CatalogueStore(DatabaseAddress(tmp_path / "catalogue.sqlite3"))
    await store.open()
    yield store
    await store.close()


async def test_a_library_is_asked_for_once_and_then_only_whether_it_changed(origin, store):
    origin.publish("film")
    changed = []
    async with aiohttp.ClientSession() as session:
        poll = LibraryPoller(session, origin.url, store, lambda: changed.append(1), Counters(), FakeClock(), 1.0)
        await poll.poll_once()
        await poll.poll_once()
        assert (await store.get("film")).playable is not None
        assert len(changed) == 1
        assert origin.asked[1][2]["If-None-Match"] == '"1"'
        origin.publish("other")
        await poll.poll_once()
    assert await store.count() == (2, 2)


async def test_what_a_failing_origin_had_stays(origin, store):
    origin.publish("film")
    async with aiohttp.ClientSession() as session:
        poll = LibraryPoller(session, origin.url, store, lambda: None, Counters(), FakeClock(), 1.0)
        await poll.poll_once()
        origin.broken = True
        with pytest.raises(ValueError, match="500"):
            await poll.poll_once()
    assert (await store.get("film")).playable is not None


async def test_a_failing_origin_is_asked_again(origin, store, until):
    origin.broken = True
    counters = Counters()
    async with aiohttp.ClientSession() as session:
        poll = LibraryPoller(session, origin.url, store, lambda: None, counters, FakeClock(), 0.05)
        task = asyncio.get_running_loop().create_task(poll.run())
        await until(lambda: len(origin.asked) > 1)
        origin.broken = False
        await until(poll.first_poll_done.is_set)
        task.cancel()
    assert counters.registry.get_sample_value("matinee_catalogue_library_failures_total") >= 1
