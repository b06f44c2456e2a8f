"""What a licence needs to know of a playback session, and the refusals of those that may have none."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from kernel.errors import BadRequest
from kernel.vocabulary import Tier
from services.playback.store import PlaybackStore


@dataclass(frozen=True, slots=True)
class EntitledSession:
    """A session: the title it plays, its tier (None: no limit), when it ends (Unix s), whether it was revoked."""

    content_id: str
    tier: Tier | None
    expires: float
    revoked: bool = False


class Sessions(Protocol):
    """The part of playback that licences use."""

    async def entitled(self, session_id: str) -> EntitledSession | None:
        """The session of this id; None if there is none. Raises StorageFailed."""


class StoredSessions:
    """The sessions of playback's store."""

    def __init__(self, store: PlaybackStore) -> None:
        self._store = store

    async def entitled(self, session_id: str) -> EntitledSession | None:
        """The session of this id; None if there is none."""
        found = await self._store.get(session_id)
        return None if found is None else EntitledSession(found.content_id, None, found.expires)


async def require_session(sessions: Sessions, session_id: str, now: float) -> EntitledSession:
    """A session that may have licences at `now`. Raises BadRequest with a sentence for the viewer (403, 410)."""
    session = await sessions.entitled(session_id) if session_id else None
    if session is None:
        raise BadRequest(403, "session-unknown", "This film cannot be unlocked: start it again.")
    if session.revoked or session.expires <= now:
        raise BadRequest(410, "session-ended", "This session has ended: start the film again.")
    return session
