"""What a viewer would like most, for services that lift such titles a little, as search does."""

from __future__ import annotations

from collections.abc import Mapping

from cachetools import TTLCache

from kernel.clock import Clock
from services.recommend.service import ListSource, RecommendService
from services.recommend.serving.lists import PERSONAL
from services.recommend.titles import Audience
from services.recommend.viewers import ViewerDirectory

MAX_FAVOURITES = 300
MAX_KNOWN = 10_000
KNOWN_SECONDS = 30.0
"""How late a new event changes a viewer's favourites: they are asked for at each key press."""
NOTHING: Mapping[str, float] = {}


class Favourites:
    """The favourites of viewers, remembered for KNOWN_SECONDS."""

    def __init__(self, service: RecommendService, viewers: ViewerDirectory, clock: Clock) -> None:
        self._service = service
        self._viewers = viewers
        self._known: TTLCache[tuple[str, str | None], Mapping[str, float]]
        self._known = TTLCache(MAX_KNOWN, KNOWN_SECONDS, timer=clock.mono)

    async def find(self, user: str, country: str | None) -> Mapping[str, float]:
        """Titles that a viewer would like, from 1 for the best to 0; nothing without their consent.

        Raises StorageFailed.
        """
        key = (user, country)
        found = self._known.get(key)
        if found is None:
            found = self._known[key] = await self._ask(user, country)
        return found

    async def _ask(self, user: str, country: str | None) -> Mapping[str, float]:
        rules = await self._viewers.rules_of(user)
        if not rules.consent:
            return NOTHING
        answer = await self._service.recommend(user, Audience(country, False, rules.maturity), MAX_FAVOURITES)
        if answer.source is not ListSource.BLEND:
            return NOTHING
        personal = [content for content, score in answer.items if score >= PERSONAL]
        return {content: 1 - place / len(personal) for place, content in enumerate(personal)}
