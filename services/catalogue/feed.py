"""Waiting for the catalogue to change: by this process at once, by another one within half a second."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Protocol

import structlog

from kernel.errors import StorageFailed
from services.catalogue.title import Change

log = structlog.get_logger()

POLL_SECONDS = 0.5
MAX_BATCH = 1000


class ChangeLog(Protocol):
    """What is followed: the catalogue's store."""

    async def head(self) -> int:
        """The latest change."""

    async def changes(self, after: int, limit: int) -> list[Change]:
        """What changed after a cursor."""


class ChangeFeed:
    """Tells followers of changes. `watch` runs for as long as the process; `follow` is one follower's reading."""

    def __init__(self, changes: ChangeLog, poll: float = POLL_SECONDS) -> None:
        self._changes = changes
        self._poll = poll
        self._head = -1
        self._moved = asyncio.Condition()
        self._nudged = asyncio.Event()

    def notify_change(self) -> None:
        """This process has just written: look now."""
        self._nudged.set()

    async def watch(self) -> None:
        """Look for changes for ever: SQLite tells other processes nothing, so it is asked."""
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
        """Batches of changes after a cursor, for ever; each title at its newest."""
        while True:
            batch = await self._changes.changes(after, MAX_BATCH)
            if batch:
                after = batch[-1].seq
                yield batch
                continue
            async with self._moved:
                await self._moved.wait_for(lambda: self._head > after)  # noqa: B023 (read again each time round)
