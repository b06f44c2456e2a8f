"""Clicks that other services report: a title that a viewer opened from a search."""

from __future__ import annotations

from typing import Protocol

import structlog

from kernel.clock import Clock
from kernel.errors import Overloaded, StorageFailed
from services.recommend.events import Action, FeedbackEvent
from services.recommend.service import RecommendService
from services.recommend.viewers import ViewerDirectory

log = structlog.get_logger()


class FeedbackLog(Protocol):
    """The event log, as feedback uses it."""

    async def append_feedback(self, event: FeedbackEvent) -> None:
        """Store feedback. Raises Overloaded, StorageFailed."""


class Clicks:
    """Takes clicks in, through the event log where there is one."""

    def __init__(
        self, service: RecommendService, viewers: ViewerDirectory, feedback_log: FeedbackLog | None, clock: Clock
    ) -> None:
        self._service = service
        self._viewers = viewers
        self._log = feedback_log
        self._clock = clock

    async def report(self, user: str, content: str, country: str | None) -> None:
        """A viewer opened a title. A click that cannot be stored is lost: the search must not fail for it."""
        try:
            if not (await self._viewers.rules_of(user)).consent:
                return
            event = FeedbackEvent(user, content, Action.CLICK, None, self._clock.wall(), country)
            if self._log is not None:
                await self._log.append_feedback(event)
            else:
                await self._service.store_feedback(event)
        except (Overloaded, StorageFailed) as error:
            log.warning("click-not-stored", error=str(error))
