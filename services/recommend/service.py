"""The recommendation service: follows titles and feedback, refits its model in a thread, ranks titles with it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import NamedTuple, Protocol

import structlog

from kernel.clock import Clock
from kernel.errors import StorageFailed
from services.counters import Counters
from services.recommend import model
from services.recommend.events import FeedbackEvent
from services.recommend.ranking import TitleTable, rank_titles
from services.recommend.store import FeedbackStore
from services.storage.group_commit import GroupCommit

log = structlog.get_logger()

POLL_SECONDS = 1.0
REFIT_SHARE = 10.0
"""The pause between fits in multiples of the last one's duration: fitting uses at most a tenth of a core."""
RETRY_SECONDS = 2.0


class RecommendTitle(NamedTuple):
    """A title for recommendations. `countries` None = everywhere."""

    content_id: str
    countries: tuple[str, ...] | None
    popularity: float
    playable: bool


class TitleSource(Protocol):
    """The part of the catalogue that recommendations use."""

    def follow(self, after: int) -> AsyncIterator[tuple[int, list[RecommendTitle]]]:
        """Yield (cursor, titles changed up to it), for ever."""

    async def head(self) -> int:
        """The cursor of the latest change."""

    async def exists(self, content_id: str) -> bool:
        """Whether the catalogue has this title."""


class RecommendService:
    """Ranks titles; its tasks are `follow_titles`, `keep_model_fitted` and `writes.run`."""

    def __init__(
        self,
        titles: TitleSource,
        store: FeedbackStore,
        clock: Clock,
        counters: Counters,
        *,
        train_pause: float,
        trend_half_life: float,
    ) -> None:
        self._titles = titles
        self._store = store
        self._clock = clock
        self._counters = counters
        self._pause = train_pause
        self._half_life = trend_half_life
        self._table = TitleTable()
        self._model = model.empty_model()
        self.writes: GroupCommit[FeedbackEvent] = GroupCommit(self._write)
        self.ready = asyncio.Event()
        """Set once all titles that existed at the start are loaded."""

    async def _write(self, batch: Sequence[FeedbackEvent]) -> None:
        await self._store.add_events(batch)
        self._counters.events.inc(len(batch))

    async def store_feedback(self, event: FeedbackEvent) -> bool:
        """Store feedback durably. Returns False if there is no such title."""
        if not await self._titles.exists(event.content):
            return False
        await self.writes.commit(event)
        return True

    async def recommend(self, user: str, country: str | None, limit: int, *, playable: bool) -> list[tuple[str, float]]:
        """(contentId, rankScore), best first. Uses feedback from the moment it is stored."""
        taste = await self._store.read_taste(user)
        return rank_titles(self._table, self._model, taste, country, limit, playable=playable)

    async def follow_titles(self) -> None:
        """Keep the title table in step with the catalogue, for ever."""
        cursor = 0
        while True:
            try:
                head = await self._titles.head()
                if head == 0:
                    self.ready.set()
                async for read, batch in self._titles.follow(cursor):
                    cursor = read
                    for title in batch:
                        self._table.upsert(title.content_id, title.countries, title.popularity, playable=title.playable)
                    if cursor >= head:
                        self.ready.set()
            except StorageFailed as error:
                log.warning("titles-unreadable", error=str(error))
                await asyncio.sleep(RETRY_SECONDS)

    async def keep_model_fitted(self) -> None:
        """Refit soon after new feedback of any process, for ever. Until then requests use the previous fit."""
        fitted = -1
        took = 0.0
        while True:
            try:
                head = await self._store.head()
                if head != fitted:
                    await asyncio.sleep(self._pause if fitted >= 0 else 0)
                    fitted = await self._store.head()
                    took = await self._fit()
            except StorageFailed as error:
                log.warning("feedback-unreadable", error=str(error))
            await asyncio.sleep(max(POLL_SECONDS, took * REFIT_SHARE))

    async def _fit(self) -> float:
        started = self._clock.mono()
        columns = await self._store.read_columns()
        self._model = await asyncio.to_thread(model.fit, columns, self._clock.wall(), self._half_life)
        took = self._clock.mono() - started
        self._counters.train_seconds.set(took)
        self._counters.trained_events.set(self._model.events)
        log.info(
            "recommendations-fitted", events=self._model.events, titles=len(self._model.items), seconds=round(took, 3)
        )
        return took
