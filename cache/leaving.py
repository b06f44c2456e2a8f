"""Files on their way out of the disk tier: removed in batches, in a thread; what cannot be removed is tried again."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator
from itertools import islice

from cache.counts import CacheCounts
from cache.disk import DiskTier
from cache.workshop import Workshop
from kernel.clock import Clock

BATCH = 500
RETRY_SECONDS = 30.0
MOST_STUCK = 10_000
"""Files remembered that could not be removed; the oldest is left to the next start, which finds it marked."""


class Leaving:
    """Names of files that have to go, in the order they came."""

    def __init__(self, disk: DiskTier | None, workshop: Workshop, clock: Clock, counts: CacheCounts) -> None:
        self._disk = disk
        self._workshop = workshop
        self._clock = clock
        self._counts = counts
        self._names: dict[str, None] = {}
        self._stuck: dict[str, bool] = {}
        self._waiting: dict[str, asyncio.Future[None]] = {}
        self._running = self._retrying = False

    def __len__(self) -> int:
        return len(self._names)

    def __iter__(self) -> Iterator[str]:
        return iter(tuple(self._names))

    @property
    def stuck(self) -> int:
        """Files that are still there though they had to go."""
        return len(self._stuck)

    def add(self, names: Iterable[str]) -> None:
        """These have to go, soon."""
        self._names.update(dict.fromkeys(names))
        if self._disk is not None and self._names and not self._running:
            self._running = True
            self._workshop.spawn(self._remove_all())

    async def remove(self, names: list[str]) -> None:
        """These have to go, now."""
        disk = self._disk
        if disk is None or not names:
            return
        self._names.update(dict.fromkeys(names))
        await self._attempt(disk, names)
        for name in names:
            self._names.pop(name, None)
            if (future := self._waiting.pop(name, None)) is not None and not future.done():
                future.set_result(None)

    async def gone(self, names: Iterable[str]) -> int:
        """Until an attempt was made on each of them; how many are still there and, for want of a mark, might come back
        at the next start."""
        names = tuple(names)
        for name in reversed(names):  # they go in the order they came: one wait is nearly always enough
            if name in self._names:
                waited_for = self._waiting.setdefault(name, asyncio.get_running_loop().create_future())
                await asyncio.wait([waited_for])
        return sum(not self._stuck.get(name, True) for name in names)

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
        self._stuck.update(stuck)
        while len(self._stuck) > MOST_STUCK:
            del self._stuck[next(iter(self._stuck))]
        if self._stuck and not self._retrying:
            self._retrying = True
            self._clock.call_later(RETRY_SECONDS, self._again)

    def _again(self) -> None:
        self._retrying = False
        self.add(self._stuck)
