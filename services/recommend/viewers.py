"""Who a list is for: the interface to the users' service, with a memory of what it said."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Protocol

from cachetools import TTLCache

from kernel.clock import Clock

MAX_KNOWN = 100_000
KNOWN_SECONDS = 5.0
"""How late a change of a profile is seen."""
PROFILE_ID = re.compile(r"p-[0-9a-f]{24}")
"""A profile of ours; of other userIds (guests, people of imported events) the users' service knows nothing."""


@dataclass(frozen=True, slots=True)
class ViewerRules:
    """What a profile may be shown, and whether what it watches may shape its lists."""

    maturity: int | None = None
    consent: bool = True


NO_RULES = ViewerRules()


class Profiles(Protocol):
    """The part of the users' service that recommendations use."""

    async def find_rules(self, profile_id: str) -> ViewerRules | None:
        """The rules of a profile; None if there is none. Raises StorageFailed."""


class ViewerDirectory:
    """The rules of profiles, remembered for KNOWN_SECONDS."""

    def __init__(self, profiles: Profiles | None, clock: Clock) -> None:
        self._profiles = profiles
        self._known: TTLCache[str, ViewerRules] = TTLCache(MAX_KNOWN, KNOWN_SECONDS, timer=clock.mono)

    async def rules_of(self, user: str) -> ViewerRules:
        """The rules of a userId; NO_RULES for one that is no profile of ours. Raises StorageFailed."""
        if self._profiles is None or not PROFILE_ID.fullmatch(user):
            return NO_RULES
        found = self._known.get(user)
        if found is None:
            found = self._known[user] = await self._profiles.find_rules(user) or NO_RULES
        return found
