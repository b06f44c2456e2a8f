"""What playback holds about a person, for export and erasure (GDPR, articles 15 and 17)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from services.playback.sessions.playback_sessions import PlaybackSessions
from services.playback.sessions.session_json import moment, session_json
from services.playback.sessions.session_store import MAX_POSITIONS


class PlaybackPersonalData:
    """Sessions and positions as personal data."""

    name = "playback"

    def __init__(self, sessions: PlaybackSessions) -> None:
        self._sessions = sessions

    async def export_person(self, account_id: str, profiles: Sequence[str]) -> Any:
        """The sessions of the account and the positions of its profiles. Raises StorageFailed."""
        store = self._sessions.store
        return {
            "sessions": [session_json(one) for one in await store.sessions_of(account_id)],
            "positions": {
                profile: [
                    {"contentId": one.content_id, "position": one.position, "at": moment(one.at)}
                    for one in await store.positions(profile, MAX_POSITIONS)
                ]
                for profile in profiles
            },
        }

    async def erase_person(self, account_id: str, profiles: Sequence[str]) -> None:
        """End the sessions, so that the edges refuse their tokens, and delete all. Raises StorageFailed."""
        await self._sessions.end_person(account_id, profiles)
        await self._sessions.store.erase(account_id, profiles)
