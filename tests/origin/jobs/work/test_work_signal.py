"""An idle worker is woken by the queue, and looks by itself where that fails."""

import asyncio

import pytest

from origin.jobs.schema import MIGRATIONS
from origin.jobs.work.work_signal import WorkSignal
from system.database.database import Database

LONG = 60.0


@pytest.fixture
async def queue(empty_postgresql):
    database = Database(empty_postgresql, MIGRATIONS, "jobs")
    await database.open()
    yield database
    await database.close()


async def notify(queue):
    async with queue.write() as connection:
        await queue.notify(connection, "job")


async def test_a_notification_wakes_a_worker(queue):
    """Also one that comes between the look for work and the wait."""
    signal = WorkSignal(queue)
    await signal.wait(LONG)  # the first one ends at once: nobody listened before
    async with asyncio.timeout(20):
        await asyncio.gather(signal.wait(LONG), notify(queue))
        await notify(queue)
        await signal.wait(LONG)
    await signal.close()


async def test_a_worker_looks_by_itself_while_nothing_can_be_heard(queue):
    signal = WorkSignal(queue)
    await queue.close()
    await asyncio.wait_for(signal.wait(0.001), 20)
    await signal.close()
