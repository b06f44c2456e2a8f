"""Follows the event log into the open views, the live quality and the lake, and answers reports over all of them.

One task does the work, a step at a time in a thread, so that the event loop stays free. Reports take turns with it
where they look at the open views: they first read what has come, so that all that was acknowledged before is in them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import structlog

from kernel.clock import Clock
from kernel.errors import StorageFailed
from services.analytics.lake.compactor import Compactor
from services.analytics.lake.duckdb_reader import DuckdbReader
from services.analytics.lake.lake_store import LakeStore
from services.analytics.lake.lake_upkeep import (
    delete_before,
    erase_rows,
    export_rows,
    find_sessions,
    list_files,
)
from services.analytics.views.live import LiveQuality
from services.analytics.views.quality import Sums
from services.analytics.views.view import ViewRow
from system.clock import sleep
from system.threads import finish_in_thread

STEP_SECONDS = 1.0
"""How often the log is looked at while nothing comes."""
LOOK_SECONDS = 2.0
"""How often the live quality looks at the open views."""
RETRY_SECONDS = 5.0
MAX_QUERIES = 2
PAGES_PER_STEP = 8

log = structlog.get_logger()
T = TypeVar("T")


class Analytics:
    """Analytics of one process; `run` is its task."""

    name = "analytics"

    def __init__(
        self,
        compactor: Compactor,
        lake: LakeStore,
        clock: Clock,
        flush_seconds: float,
        on_growth: Callable[[Mapping[str, Sums], int, int], None] = lambda *_: None,
    ) -> None:
        """`on_growth(by region, open views, events in the lake)` is called after each look, to count."""
        self._compactor = compactor
        self._lake = lake
        self._clock = clock
        self._flush_seconds = flush_seconds
        self._on_growth = on_growth
        self._turn = asyncio.Lock()
        self._queries = asyncio.Semaphore(MAX_QUERIES)
        self._flush_at = 0.0
        self._look_at = 0.0
        self.live = LiveQuality()

    async def run(self) -> None:
        """Follow the log until cancelled; what has been read and not flushed is read again by the next start."""
        self._flush_at = self._clock.mono() + self._flush_seconds
        try:
            while True:
                try:
                    taken = await self.step()
                except StorageFailed as error:
                    # The lake is away: what was read stays in memory and in the log, and is written when it is back.
                    log.warning("lake-not-written", error=str(error))
                    await sleep(self._clock, RETRY_SECONDS)
                    continue
                if not taken:
                    await sleep(self._clock, STEP_SECONDS)
        finally:
            self._compactor.close()

    async def step(self) -> int:
        """Read what has come, look, and flush when it is time; how many records. Raises StorageFailed."""
        return await self._in_turn(self._step)

    def _step(self) -> int:
        now, wall = self._clock.mono(), self._clock.wall()
        taken = self._read()
        is_due = now >= self._flush_at or self._compactor.is_full
        # A flush closes views, which the live quality must see first: it forgets a view when that has closed.
        if is_due or now >= self._look_at:
            self._look(wall)
            self._look_at = now + LOOK_SECONDS
        if is_due:
            self._flush_at = now + self._flush_seconds
            self._on_growth({}, self._compactor.book.open_count, self._compactor.flush(wall))
        return taken

    def _read(self) -> int:
        if not self._compactor.is_open:
            self._compactor.open()
        taken = 0
        for _ in range(PAGES_PER_STEP):
            read = 0 if self._compactor.is_full else self._compactor.read_some()
            taken += read
            if not read:
                break
        return taken

    def _look(self, wall: float) -> None:
        closed = self._compactor.close_views(wall)
        grown = self.live.observe(self._compactor.book.changed_rows(wall), closed, wall)
        self._on_growth(grown, self._compactor.book.open_count, 0)

    async def flush(self) -> int:
        """Read and write everything now; how many events. Raises StorageFailed."""

        def work() -> int:
            count = 0
            while self._read():
                if self._compactor.is_full:
                    count += self._compactor.flush(self._clock.wall())
            return count + self._compactor.flush(self._clock.wall())

        return await self._in_turn(work)

    # -- reports ---------------------------------------------------------------------------------------------------

    async def quality(
        self, by: Sequence[str], since: float, until: float, where: Mapping[str, str]
    ) -> list[dict[str, Any]]:
        """Rows by dimensions; see `DuckdbReader.quality`."""
        return await self._query(lambda reader, rows: reader.quality(by, since, until, rows, where))

    async def drop_off(self, content_id: str, since: float, until: float) -> dict[str, Any]:
        """A title's viewers by minute."""
        return await self._query(lambda reader, rows: reader.drop_off(content_id, since, until, rows))

    async def left_early(self, since: float, until: float, share: float, least: int) -> list[dict[str, Any]]:
        """Titles that many leave early."""
        return await self._query(lambda reader, rows: reader.left_early(since, until, rows, share, least))

    async def view_counts(self, since: float, until: float) -> list[dict[str, Any]]:
        """Views by players' events and by edges' logs."""
        return await self._query(lambda reader, rows: reader.view_counts(since, until, rows))

    async def sessions(self, since: float, until: float, where: Mapping[str, str], most: int) -> list[dict[str, Any]]:
        """The views behind a number, newest first."""
        return await self._query(lambda reader, rows: reader.sessions(since, until, rows, where, most))

    async def _query(self, work: Callable[[DuckdbReader, list[ViewRow]], T]) -> T:
        async with self._queries:
            reader, fresh = await self._in_turn(self._snapshot)
            return await asyncio.to_thread(work, reader, fresh)

    def _snapshot(self) -> tuple[DuckdbReader, list[ViewRow]]:
        # Listed in the same turn: what a later flush writes is among the fresh rows already.
        return DuckdbReader(self._lake, list_files(self._lake)), self._unflushed()

    def _unflushed(self) -> list[ViewRow]:
        try:
            self._read()
        except StorageFailed as error:
            log.warning("report-without-newest-events", error=str(error))
        now = self._clock.wall()
        self._compactor.book.settle(now)
        return [*self._compactor.unflushed_views(), *self._compactor.book.rows(now)]

    # -- personal data -----------------------------------------------------------------------------------------------

    async def export_person(self, account_id: str, profiles: Sequence[str]) -> list[dict[str, Any]]:
        """The views and events of a person. Raises StorageFailed."""
        subjects = frozenset(one for one in (account_id, *profiles) if one)

        def work() -> list[dict[str, Any]]:
            return export_rows(self._lake, subjects, find_sessions(self._lake, subjects))

        return await asyncio.to_thread(work)

    async def erase_person(self, account_id: str, profiles: Sequence[str]) -> None:
        """Erase a person from memory, checkpoint and lake. Raises StorageFailed."""
        subjects = frozenset(one for one in (account_id, *profiles) if one)

        def work() -> None:
            self._read()
            sessions = find_sessions(self._lake, subjects)
            sessions |= self._compactor.forget_person(subjects, sessions)
            self.live.forget_sessions(sessions)
            wall = self._clock.wall()
            self._look(wall)
            self._compactor.flush(wall, always=True)
            erase_rows(self._lake, subjects, sessions)

        await self._in_turn(work)

    async def delete_events_before(self, moment: float) -> int:
        """Retention of events; how many files went. Raises StorageFailed."""
        return await self._in_turn(lambda: delete_before(self._lake, moment, views=False))

    async def delete_views_before(self, moment: float) -> int:
        """Retention of views."""
        return await self._in_turn(lambda: delete_before(self._lake, moment, views=True))

    async def _in_turn(self, work: Callable[[], T]) -> T:
        """Run it in a thread, alone, and to its end even when cancelled."""
        async with self._turn:
            return await finish_in_thread(work)
