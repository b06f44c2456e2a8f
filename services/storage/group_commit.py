"""Group commit: rows that arrive while a transaction is being written share the next one.

One disk flush serves all waiters; each returns only after its own row is on disk.
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
    """Writes rows with `write(rows)`, one transaction after the other. `run` is its background task."""

    def __init__(self, write: Callable[[Sequence[Row]], Awaitable[object]]) -> None:
        self._write = write
        self._waiting: asyncio.Queue[tuple[Row, asyncio.Future[None]]] = asyncio.Queue(MAX_WAITING)

    async def commit(self, row: Row) -> None:
        """Return once the row is durable. Raises Overloaded if too many wait, StorageFailed if it was not written."""
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        try:
            self._waiting.put_nowait((row, done))
        except asyncio.QueueFull:
            raise Overloaded(OverloadReason.WRITES_WAITING) from None
        await done

    async def run(self) -> None:
        """Write for ever; on cancellation, waiting rows fail with StorageFailed."""
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
        except Exception as error:  # noqa: BLE001 (each waiter raises it)
            failed = error
        for _, done in batch:
            _resolve(done, failed)


def _resolve(done: asyncio.Future[None], error: Exception | None) -> None:
    if done.done():  # The waiter was cancelled.
        return
    if error is None:
        done.set_result(None)
    else:
        done.set_exception(error)
