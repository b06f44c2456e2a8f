"""Removes files of the disk tier in batches, in a thread, and retries those that cannot be removed.

The disk index records a removal before the file is deleted, so that a crash in between cannot bring the object back.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Iterable
from itertools import islice

from cache.counts import CacheCounts
from cache.disk.tier import DiskTier
from cache.tasks import TaskRunner
from kernel.clock import Clock

BATCH = 500
RETRY_SECONDS = 30.0
MAX_STUCK = 10_000
"""Files to retry; beyond it the oldest is left for the sweep after the next start."""


class FileRemover:
    """A queue of file names to remove."""

    def __init__(self, disk: DiskTier | None, workshop: TaskRunner, clock: Clock, counts: CacheCounts) -> None:
        self._disk = disk
        self._workshop = workshop
        self._clock = clock
        self._counts = counts
        self._names: OrderedDict[str, int] = OrderedDict()
        self._last_number = 0
        self._stuck: dict[str, None] = {}
        self._waiting: dict[str, asyncio.Future[None]] = {}
        self._running = self._retrying = False
        self.on_removing: Callable[[Iterable[str]], object] | None = None
        """Called with the names of files before they are removed."""

    def __len__(self) -> int:
        return len(self._names)

    @property
    def stuck(self) -> int:
        """Files whose removal failed so far."""
        return len(self._stuck)

    def remove_later(self, names: Iterable[str]) -> None:
        """Queue files for removal."""
        self._enter(names)
        if self._disk is not None and self._names and not self._running:
            self._running = True
            self._workshop.spawn(self._remove_all())

    def _enter(self, names: Iterable[str]) -> None:
        if self.on_removing is not None:
            names = tuple(names)
            self.on_removing(names)
        for name in names:
            if name not in self._names:
                self._last_number += 1
                self._names[name] = self._last_number

    async def remove(self, names: list[str]) -> None:
        """Remove files now; returns after one attempt."""
        disk = self._disk
        if disk is None or not names:
            return
        self._enter(names)
        await self._attempt(disk, names)
        for name in names:
            self._names.pop(name, None)
            if (future := self._waiting.pop(name, None)) is not None and not future.done():
                future.set_result(None)

    async def wait_empty(self) -> None:
        """Wait until an attempt was made on every file queued so far."""
        last = self._last_number
        while self._names:
            first = next(iter(self._names))
            if self._names[first] > last:
                break
            await asyncio.wait([self._waiting.setdefault(first, asyncio.get_running_loop().create_future())])

    async def _remove_all(self) -> None:
        try:
            while self._names:
                await self.remove(list(islice(self._names, BATCH)))
        finally:
            self._running = False

    async def _attempt(self, disk: DiskTier, batch: list[str]) -> None:
        stuck = await self._workshop.offload(lambda: disk.unlink(batch))
        self._counts.disk_stuck += sum(name not in self._stuck for name in stuck)
        for name in batch:
            self._stuck.pop(name, None)
        self._stuck.update(dict.fromkeys(name for name in batch if name in stuck))
        while len(self._stuck) > MAX_STUCK:
            del self._stuck[next(iter(self._stuck))]
        if self._stuck and not self._retrying:
            self._retrying = True
            self._clock.call_later(RETRY_SECONDS, self._retry)

    def _retry(self) -> None:
        self._retrying = False
        self.remove_later(self._stuck)
