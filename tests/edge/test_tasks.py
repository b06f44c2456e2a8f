"""The owner of tasks and threads."""

import asyncio

import pytest

from edge.tasks import TaskOwner


async def test_a_task_is_held_until_it_ends_and_a_failed_one_is_told():
    failed: list[BaseException] = []
    owner = TaskOwner(failed.append)
    gate = asyncio.Event()

    async def waits() -> None:
        await gate.wait()
        raise RuntimeError("oops")

    owner.spawn(waits())
    await asyncio.sleep(0)
    assert len(owner) == 1
    gate.set()
    while len(owner):
        await asyncio.sleep(0)
    assert [str(error) for error in failed] == ["oops"]
    await owner.stop(grace=0)


async def test_stopping_cancels_what_does_not_end_and_that_is_no_failure():
    failed: list[BaseException] = []
    owner = TaskOwner(failed.append)
    ended = []

    async def waits() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append(True)

    owner.spawn(waits())
    await asyncio.sleep(0)
    await owner.stop(grace=0)
    assert ended == [True]
    assert failed == []
    assert len(owner) == 0


async def test_what_ends_within_its_grace_is_not_cancelled():
    owner = TaskOwner(print)
    ended = []

    async def quick() -> None:
        await asyncio.sleep(0)
        ended.append(True)

    owner.spawn(quick())
    await owner.stop(grace=5)
    assert ended == [True]


async def test_threads_work_and_their_errors_come_back():
    owner = TaskOwner(print)
    assert await owner.offload(lambda: 6 * 7) == 42
    with pytest.raises(ZeroDivisionError):
        await owner.offload(lambda: 1 / 0)
    await owner.stop(grace=0)
