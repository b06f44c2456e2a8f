"""The service's background tasks: they follow the catalogue, the feedback of other processes, and new models."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Protocol

import structlog

from kernel.clock import Clock
from kernel.errors import StorageFailed
from services.counters import Counters
from services.recommend.service import RecommendService
from services.recommend.store import FeedbackStore
from services.recommend.titles import RecommendTitle
from services.recommend.training.artefact import Artefact, load_artefact
from services.recommend.training.versions import ModelVersions

log = structlog.get_logger()

EVENT_POLL_SECONDS = 0.05
IDLE_POLL_SECONDS = 0.25
"""Once nothing came in for IDLE_POLLS polls: a poll costs half a millisecond."""
IDLE_POLLS = 100
MAX_EVENTS = 2_000
MODEL_POLL_SECONDS = 0.25
REFRESH_SECONDS = 0.25
RETRY_SECONDS = 2.0


class TitleSource(Protocol):
    """The part of the catalogue that recommendations use."""

    def follow(self, after: int) -> AsyncIterator[tuple[int, list[RecommendTitle]]]:
        """Yield (cursor, titles changed up to it), for ever."""

    async def head(self) -> int:
        """The cursor of the latest change."""


class RecommendFollowers:
    """Keeps a service up to date; its tasks are `follow_titles`, `follow_events`, `follow_models`, `refresh_sets`."""

    def __init__(
        self,
        service: RecommendService,
        titles: TitleSource,
        store: FeedbackStore,
        versions: ModelVersions,
        clock: Clock,
        counters: Counters,
    ) -> None:
        self._service = service
        self._titles = titles
        self._store = store
        self._versions = versions
        self._clock = clock
        self._counters = counters
        self._cursor = -1
        self._failed = ""
        self.model_checked = asyncio.Event()
        """Set once the model that existed at the start is in use."""

    async def follow_titles(self) -> None:
        """Keep the title table in step with the catalogue, for ever."""
        cursor = 0
        while True:
            try:
                head = await self._titles.head()
                if head == 0:
                    self._service.ready.set()
                async for read, batch in self._titles.follow(cursor):
                    cursor = read
                    for title in batch:
                        self._put_title(title)
                    if cursor >= head:
                        self._service.ready.set()
            except StorageFailed as error:
                log.warning("titles-unreadable", error=str(error))
                await asyncio.sleep(RETRY_SECONDS)

    def _put_title(self, title: RecommendTitle) -> None:
        at = self._service.table.upsert(title)
        artefact = self._service.artefact
        if artefact is not None and title.content_id in artefact.model.number_of:
            self._service.table.forget_text(at)

    async def follow_events(self) -> None:
        """See what other processes store, for ever: the marks of their viewers are read again, and trends move."""
        idle = 0
        await self.model_checked.wait()
        while True:
            try:
                if self._cursor < 0:
                    artefact = self._service.artefact
                    self._cursor = 0 if artefact is None else artefact.manifest.cursor
                rows = await self._store.read_events(self._cursor, MAX_EVENTS)
                if not rows:
                    # SQLite numbers new events from the latest that is left, where an erasure deleted the last ones.
                    self._cursor = min(self._cursor, await self._store.head())
            except StorageFailed as error:
                log.warning("feedback-unreadable", error=str(error))
                await asyncio.sleep(RETRY_SECONDS)
                continue
            for number, user, content, action, at, country in rows:
                self._cursor = number
                self._service.note_event(user, content, action, at, country)
            idle = 0 if rows else idle + 1
            self._counters.viewers_held.set(len(self._service.states))
            if len(rows) < MAX_EVENTS:
                await asyncio.sleep(EVENT_POLL_SECONDS if idle < IDLE_POLLS else IDLE_POLL_SECONDS)

    async def follow_models(self) -> None:
        """Take up the model that is published, for ever. One that cannot be loaded leaves the earlier one in use."""
        await self._service.ready.wait()  # its trends are kept by the positions of titles
        while True:
            current = await asyncio.to_thread(self._versions.current)
            if current is not None and current not in (self._service.version, self._failed):
                await self._use(current)
            self.model_checked.set()
            await asyncio.sleep(MODEL_POLL_SECONDS)

    async def _use(self, version: str) -> None:
        try:
            artefact = await asyncio.to_thread(load_whole, self._versions, version)
        except StorageFailed as error:
            self._failed = version
            self._counters.model_failures.inc()
            log.error("model-refused", version=version, error=str(error))  # noqa: TRY400 (the file's fault, not a bug)
            return
        self._failed = ""
        self._service.use_artefact(artefact)
        # Trends go on from what the model counted.
        self._cursor = min(self._cursor, artefact.manifest.cursor) if self._cursor >= 0 else artefact.manifest.cursor
        self._counters.model_info.clear()
        self._counters.model_info.labels(version).set(1)
        self._counters.model_made.set(artefact.manifest.made)
        for title in self._service.table.titles:
            if title.content_id in artefact.model.number_of:
                self._service.table.forget_text(self._service.table.position[title.content_id])
        log.info("model-in-use", version=version, titles=len(artefact.model.items))

    async def refresh_sets(self) -> None:
        """Keep the candidates of the audiences ready, for ever."""
        while True:
            # One at a time, so that requests are answered between them.
            refreshed = self._service.candidates.refresh_one(self._clock.mono())
            await asyncio.sleep(0.001 if refreshed else REFRESH_SECONDS)


def load_whole(versions: ModelVersions, version: str) -> Artefact:
    """Load a version with all that serving computes of it once. Raises StorageFailed."""
    artefact = load_artefact(versions.path_of(version))
    _ = artefact.model.number_of, artefact.model.base, artefact.model.watched
    return artefact
