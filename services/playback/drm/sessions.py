"""Which playback sessions may have licences, and the refusals of those that may not."""

from __future__ import annotations

from typing import Protocol

from kernel.errors import BadRequest
from services.playback.sessions.session import EntitledSession


class Sessions(Protocol):
    """The part of playback that licences use."""

    async def entitled(self, session_id: str) -> EntitledSession | None:
        """The session of this id; None if there is none. Raises StorageFailed."""


async def require_session(sessions: Sessions, session_id: str, now: float) -> EntitledSession:
    """A session that may have licences at `now`. Raises BadRequest with a sentence for the viewer (403, 410)."""
    session = await sessions.entitled(session_id) if session_id else None
    if session is None:
        raise BadRequest(403, "session-unknown", "This film cannot be unlocked: start it again.")
    if session.revoked or session.expires <= now:
        raise BadRequest(410, "session-ended", "This session has ended: start the film again.")
    return session
