"""Group commit: rows that come while one transaction is being written go together in the next.

One disk flush serves everybody who waits; each waiter is answered only after its own rows are on the disk.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

from kernel.errors import Overloaded, StorageFailed
from kernel.vocabulary import OverloadReason

Row = TypeVar("Row")

MAX_WAITING = 10_000
MAX_BATCH = 1000


class GroupCommit(Generic[Row]):
    """Writes rows by `write(rows)`, one transaction after another. `run` is the writer's task."""

    def __init__(self, write: Callable[[Sequence[Row]], Awaitable[object]]) -> None:
        self._write = write
        self._waiting: asyncio.Queue[tuple[Row, asyncio.Future[None]]] = asyncio.Queue(MAX_WAITING)

    async def commit(self, row: Row) -> None:
        """Return when the row is durable. Raises Overloaded when too many wait, StorageFailed when not written."""
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        try:
            self._waiting.put_nowait((row, done))
        except asyncio.QueueFull:
            raise Overloaded(OverloadReason.WRITES_WAITING) from None
        await done

    async def run(self) -> None:
        """Write for ever; when cancelled, what waits is told that it was not written."""
        try:
            while True:
                batch = [await self._waiting.get()]
                while len(batch) < MAX_BATCH and not self._waiting.empty():
                    batch.append(self._waiting.get_nowait())
                await self._commit(batch)
        finally:
            while not self._waiting.empty():
                _resolve(self._waiting.get_nowait()[1], StorageFailed("stopping: the write was not made"))

    async def _commit(self, batch: list[tuple[Row, asyncio.Future[None]]]) -> None:
        failed: Exception | None = None
        try:
            await self._write([row for row, _ in batch])
        except asyncio.CancelledError:
            for _, done in batch:
                _resolve(done, StorageFailed("stopping: the write was not made"))
            raise
        except Exception as error:  # noqa: BLE001 (told to each waiter, who raises it)
            failed = error
        for _, done in batch:
            _resolve(done, failed)


def _resolve(done: asyncio.Future[None], error: Exception | None) -> None:
    if done.done():  # the waiter has left
        return
    if error is None:
        done.set_result(None)
    else:
        done.set_exception(error)
