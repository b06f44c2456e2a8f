"""A task that fails is begun again, later each time; what an operator has to put right ends it."""

from __future__ import annotations

import asyncio

import pytest

from kernel.errors import BadSettings
from rpc.supervised import FIRST_BACKOFF, MAX_BACKOFF, RESET_AFTER, TaskSupervisor


class Work:
    """Fails as often as it is told, then ends."""

    def __init__(self, *failures: BaseException) -> None:
        self.failures = list(failures)
        self.now = 0.0
        self.takes = 0.0
        self.pauses: list[float] = []
        self.told: list[str] = []
        self.supervised = TaskSupervisor(lambda: self.now, self.pause, self.told.append)

    async def pause(self, seconds: float) -> None:
        self.pauses.append(seconds)

    async def __call__(self) -> None:
        self.now += self.takes
        if self.failures:
            raise self.failures.pop(0)


async def test_a_task_that_fails_is_begun_again_later_each_time() -> None:
    work = Work(*[RuntimeError("bug")] * 9)
    await work.supervised.run_task("tick", work)
    assert work.supervised.failures == {"tick": 9}
    assert work.told == ["tick"] * 9
    assert work.pauses[:3] == [FIRST_BACKOFF, 2 * FIRST_BACKOFF, 4 * FIRST_BACKOFF]
    assert work.pauses[-1] == MAX_BACKOFF


async def test_after_a_calm_time_the_pause_is_short_again() -> None:
    work = Work(*[RuntimeError("bug")] * 3)
    work.takes = RESET_AFTER
    await work.supervised.run_task("tick", work)
    assert work.pauses == [FIRST_BACKOFF] * 3


@pytest.mark.parametrize("error", [BadSettings("x", "is wrong"), ExceptionGroup("", [BadSettings("x", "is wrong")])])
async def test_what_the_operator_has_to_put_right_ends_it(error: Exception) -> None:
    work = Work(error)
    with pytest.raises(BadSettings):
        await work.supervised.run_task("tick", work)


async def test_a_cancelled_task_ends() -> None:
    work = Work(asyncio.CancelledError())
    with pytest.raises(asyncio.CancelledError):
        await work.supervised.run_task("tick", work)
    assert not work.supervised.failures
