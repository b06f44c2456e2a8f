"""Workers over one iterator: a failure comes out by itself, as the commands print it, and ends the others."""

import asyncio

import pytest

from kernel.errors import StorageFailed
from system.workers import run_alongside, run_workers


async def test_workers_divide_the_work():
    numbers, done = iter(range(10)), []

    async def work():
        for number in numbers:
            await asyncio.sleep(0)
            done.append(number)

    await run_workers(work, 3)
    assert sorted(done) == list(range(10))


async def test_the_first_failure_is_raised_by_itself_and_cancels_the_others():
    numbers, ended = iter(range(3)), []

    async def work():
        for number in numbers:
            if number == 2:
                raise StorageFailed("the third")
            try:
                await asyncio.Event().wait()
            finally:
                ended.append(number)

    with pytest.raises(StorageFailed, match="the third"):
        await run_workers(work, 3)
    assert sorted(ended) == [0, 1]


async def test_work_besides_a_block_ends_with_it():
    ended = asyncio.Event()

    async def work():
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    async with run_alongside(work()):
        await asyncio.sleep(0)
    assert ended.is_set()
