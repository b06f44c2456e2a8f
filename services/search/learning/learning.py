"""What search has learnt, in memory for queries: lifts by clicks, pins, synonyms."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence

import structlog

from kernel.clock import Clock
from kernel.errors import StorageFailed
from services.search.learning.clicks import Click, lift_titles, rank_trending
from services.search.learning.store import CLICK_SECONDS, LearningStore
from services.search.query.parse import fold_synonyms
from services.search.text.fold import key

log = structlog.get_logger()

RELOAD_SECONDS = 30.0
"""How late this process sees what another one learnt."""
MAX_COUNTED = 1_000
"""Queries without results that are counted between two writes."""
MAX_STORED_QUERY = 100
MAX_PINS = 20
MAX_GROUPS = 2_000
NO_LIFTS: Mapping[str, float] = {}


class Learning:
    """Answers queries from memory; `run` is its background task."""

    def __init__(self, store: LearningStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._clicks: list[Click] = []
        self._lifts: dict[str, dict[str, float]] = {}
        self._pins: dict[str, tuple[str, ...]] = {}
        self._empty: Counter[str] = Counter()
        self._changed = asyncio.Event()
        self.groups: list[tuple[str, ...]] = []
        """The groups of synonyms, as operators wrote them."""
        self.synonyms: dict[str, tuple[str, ...]] = {}
        """For each folded name the others of its groups."""
        self.version = 0
        """Increases when results may change."""

    def lifts(self, line: str) -> Mapping[str, float]:
        """The titles that clicks lift for a query, 0 to 1."""
        return self._lifts.get(line, NO_LIFTS)

    def pins(self, line: str) -> tuple[str, ...]:
        """The titles that operators pinned for a query, in order."""
        return self._pins.get(line, ())

    def trending(self, country: str | None) -> dict[str, float]:
        """Titles by recent clicks in a country."""
        return rank_trending(self._clicks, country, self._clock.wall())

    def count_empty(self, line: str) -> None:
        """Count a query that found nothing; the store has it within RELOAD_SECONDS."""
        line = line[:MAX_STORED_QUERY]
        if line in self._empty or len(self._empty) < MAX_COUNTED:
            self._empty[line] += 1

    async def remember_click(self, query: str, content_id: str, subject: str, country: str | None) -> None:
        """Remember a viewer's choice; durable when this returns. Raises StorageFailed."""
        line = key(query)[:MAX_STORED_QUERY]
        await self._store.remember_click(line, content_id, subject, self._clock.wall(), country)
        self._changed.set()

    async def set_pins(self, query: str, content_ids: Sequence[str]) -> None:
        """Replace a query's pins. Raises StorageFailed."""
        await self._store.write_pins(key(query)[:MAX_STORED_QUERY], content_ids)
        await self.reload()

    async def set_synonyms(self, groups: Sequence[Sequence[str]]) -> None:
        """Replace the synonyms. Raises StorageFailed."""
        await self._store.write_synonyms(groups)
        await self.reload()

    async def read_empty(self, limit: int) -> list[tuple[str, int, float]]:
        """(query, times, last time in Unix seconds) of queries without results, the most frequent first."""
        await self._write_empty()
        return await self._store.read_empty(limit)

    async def reload(self) -> None:
        """Read what the store has. Raises StorageFailed."""
        now = self._clock.wall()
        clicks = await self._store.read_clicks(now - CLICK_SECONDS)
        pins = await self._store.read_pins()
        groups = await self._store.read_synonyms()
        lifts = lift_titles(clicks, now)
        if (lifts, pins, groups) != (self._lifts, self._pins, self.groups):
            self.version += 1
        self._clicks, self._lifts, self._pins, self.groups = clicks, lifts, pins, groups
        self.synonyms = fold_synonyms(groups)

    async def run(self) -> None:
        """Reload after clicks and every RELOAD_SECONDS, write counts, forget what is old."""
        while True:
            self._changed.clear()
            try:
                await self.reload()
                await self._write_empty()
                await self._store.forget_old(self._clock.wall())
            except StorageFailed as error:
                log.warning("search-learning-failed", error=str(error))
            try:
                await asyncio.wait_for(self._changed.wait(), RELOAD_SECONDS)
            except TimeoutError:
                continue
            await asyncio.sleep(1.0)  # One reload for many clicks.

    async def _write_empty(self) -> None:
        counted, self._empty = self._empty, Counter()
        if counted:
            await self._store.count_empty(counted, self._clock.wall())
