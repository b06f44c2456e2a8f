"""Writes who saw what to the event log, without making anybody wait for it.

A list is answered before its record is on the disk: at a crash the records of a moment are lost, of all arms alike.
What the log does not take in time is dropped and counted, as a full disk must not stop lists.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from typing import Any, Protocol

import msgspec
import structlog
from cachetools import TTLCache

from kernel.clock import Clock
from kernel.errors import Overloaded, StorageFailed
from services.counters import Counters
from services.recommend.experiments.assignment import unit_hash
from services.recommend.experiments.records import SeenRecord

log = structlog.get_logger()

MAX_WAITING = 20_000
MAX_TOGETHER = 500
FLUSH_SECONDS = 1.0
REPEAT_SECONDS = 1_800.0
"""The same viewer, surface and arms are written once in so long: an exposure counts from the first on anyway."""
MAX_REPEATS = 200_000


class SeenLog(Protocol):
    """The event log, as lists use it."""

    async def append(self, user: str, country: str, at: float, body: bytes) -> None:
        """Store a record; it is on the disk on return. Raises Overloaded, StorageFailed."""


class Impressions:
    """Collects records; `run` writes them. Of lists without an experiment, a `share` of the viewers' is recorded.

    What waits is personal data too: a record that was written after an erasure would name the person in the log again.
    """

    name = "impressions"

    def __init__(self, seen_log: SeenLog | None, clock: Clock, counters: Counters, share: float = 1.0) -> None:
        self._log = seen_log
        self._share = share
        self._clock = clock
        self._counters = counters
        self._waiting: deque[tuple[str, str, SeenRecord]] = deque()
        self._wake = asyncio.Event()
        self._written: TTLCache[tuple[object, ...], None] = TTLCache(MAX_REPEATS, REPEAT_SECONDS, timer=clock.mono)

    def note(self, user: str, country: str | None, record: SeenRecord) -> None:
        """Write a record soon, unless one like it was written lately."""
        if self._log is None:
            return
        is_plain = not record.arms and record.draw is None
        if is_plain and unit_hash("impressions", user) >= self._share:
            return
        key = (user, record.surface, record.device, record.arms, record.items[:5])
        if record.draw is None and key in self._written:
            return
        self._written[key] = None
        if len(self._waiting) >= MAX_WAITING:
            self._counters.impressions.labels("dropped").inc()
            return
        self._waiting.append((user, country or "", record))
        self._wake.set()

    async def run(self) -> None:
        """Write what is noted, for ever."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._waiting:
                await self.write_some()
            await asyncio.sleep(FLUSH_SECONDS)

    async def export_person(self, account_id: str, profiles: Sequence[str]) -> list[Any]:
        """The person's records that wait."""
        users = {account_id, *profiles}
        return [msgspec.to_builtins(record) for user, _, record in self._waiting if user in users]

    async def erase_person(self, account_id: str, profiles: Sequence[str]) -> None:
        """Drop the person's records that wait."""
        users = {account_id, *profiles}
        self._waiting = deque(one for one in self._waiting if one[0] not in users)
        for key in [key for key in self._written if key[0] in users]:
            del self._written[key]

    async def write_some(self) -> None:
        """Write the next records together."""
        if self._log is None:
            return
        batch = [self._waiting.popleft() for _ in range(min(MAX_TOGETHER, len(self._waiting)))]
        appended = await asyncio.gather(
            *(
                self._log.append(user, country, record.at, msgspec.json.encode(record))
                for user, country, record in batch
            ),
            return_exceptions=True,
        )
        failed = [one for one in appended if isinstance(one, BaseException)]
        self._counters.impressions.labels("written").inc(len(batch) - len(failed))
        for error in failed:
            if not isinstance(error, Overloaded | StorageFailed):
                raise error
        if failed:
            self._counters.impressions.labels("dropped").inc(len(failed))
            log.warning("impressions-dropped", records=len(failed), error=str(failed[0]))
