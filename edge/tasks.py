"""The owner of the edge's tasks and threads: none is lost, none outlives the edge, every unexpected error is
reported."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Awaitable, Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

T = TypeVar("T")


def _yield_to_the_loop() -> None:
    """Let this thread not preempt the event loop whenever it gets work: the loop would soon wait for the interpreter's
    lock. It runs as soon as the loop waits, or after its time slice."""
    with contextlib.suppress(OSError):
        os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))


class TaskOwner:
    """Starts tasks, runs work in a few threads, stops all of them. `failed` is called with every unexpected error."""

    def __init__(self, failed: Callable[[BaseException], object], threads: int = 4) -> None:
        self._failed = failed
        self._tasks: set[asyncio.Task[None]] = set()
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="disk", initializer=_yield_to_the_loop)

    def __len__(self) -> int:
        return len(self._tasks)

    def spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Run as a task that is held until it ends; returns it, for cancelling."""
        task = asyncio.create_task(work)  # noqa: TID251 (this is the owner)
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._failed(error)

    def offload(self, work: Callable[[], T]) -> Awaitable[T]:
        """Run in a thread."""
        return asyncio.get_running_loop().run_in_executor(self._threads, work)

    async def stop(self, grace: float) -> None:
        """Give tasks `grace` seconds to end, cancel the rest, wait for the threads."""
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=grace)
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.gather(*self._tasks, return_exceptions=True)
        self._threads.shutdown(wait=True)
