"""Wait for changes of the catalogue: those of this process at once, those of other processes within POLL_SECONDS."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Protocol

import structlog

from kernel.errors import StorageFailed
from services.catalogue.title import Change

log = structlog.get_logger()

POLL_SECONDS = 0.2
MAX_BATCH = 1000


class ChangeLog(Protocol):
    """The change log to follow: the catalogue's store."""

    async def head(self) -> int:
        """The sequence number of the latest change."""

    async def changes(self, after: int, limit: int) -> list[Change]:
        """Changes after the cursor `after`, oldest first, at most `limit`."""


class ChangeFeed:
    """Wakes followers on changes. `watch` is its background task; each follower iterates over its own `follow`."""

    def __init__(self, changes: ChangeLog, poll: float = POLL_SECONDS) -> None:
        self._changes = changes
        self._poll = poll
        self._head = -1
        self._moved = asyncio.Condition()
        self._nudged = asyncio.Event()

    def notify_change(self) -> None:
        """Call after this process wrote a change, so that followers need not wait for the next poll."""
        self._nudged.set()

    async def watch(self) -> None:
        """Poll for changes for ever: SQLite does not notify other processes."""
        while True:
            try:
                head = await self._changes.head()
            except StorageFailed as error:
                log.warning("catalogue-unreadable", error=str(error))
                head = self._head
            if head != self._head:
                self._head = head
                async with self._moved:
                    self._moved.notify_all()
            self._nudged.clear()
            try:
                await asyncio.wait_for(self._nudged.wait(), self._poll)
            except TimeoutError:
                continue

    async def follow(self, after: int) -> AsyncIterator[list[Change]]:
        """Yield batches of changes after a cursor, for ever; each title in its latest state."""
        while True:
            batch = await self._changes.changes(after, MAX_BATCH)
            if batch:
                after = batch[-1].seq
                yield batch
                continue
            async with self._moved:
                await self._moved.wait_for(lambda: self._head > after)  # noqa: B023 (awaited within the iteration)
