"""Runs a bounded number of workers over one iterator of work."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable


async def run_workers(work: Callable[[], Awaitable[None]], count: int) -> None:
    """Run `work` so many times at once; the first failure cancels the others and is raised by itself."""

    async def one() -> None:
        await work()

    try:
        async with asyncio.TaskGroup() as group:
            for _ in range(count):
                group.create_task(one())
    except BaseExceptionGroup as failures:
        raise failures.exceptions[0] from None
