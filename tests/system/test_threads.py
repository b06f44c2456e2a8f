"""A cancelled task waits for the thread that it cannot stop."""

import asyncio
import threading

import pytest

from system.threads import finish_in_thread


async def test_a_cancelled_task_ends_after_its_thread():
    started, gate, done = threading.Event(), threading.Event(), []

    def work(what):
        started.set()
        gate.wait(60)
        done.append(what)

    async with asyncio.TaskGroup() as group:
        task = group.create_task(finish_in_thread(work, "written"))
        await asyncio.to_thread(started.wait, 60)
        task.cancel()
        asyncio.get_running_loop().call_later(0.01, gate.set)
        with pytest.raises(asyncio.CancelledError):
            await task
        assert done == ["written"]
