"""What playback holds about a person, for export and erasure (GDPR, articles 15 and 17)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from services.playback.session import EndReason, Session
from services.playback.session_store import MAX_POSITIONS
from services.playback.sessions import PlaybackSessions


class PlaybackPersonalData:
    """Sessions and positions as personal data."""

    name = "playback"

    def __init__(self, sessions: PlaybackSessions) -> None:
        self._sessions = sessions

    async def export_person(self, account_id: str, profiles: Sequence[str]) -> Any:
        """The sessions of the account and the positions of its profiles. Raises StorageFailed."""
        store = self._sessions.store
        return {
            "sessions": [_session_json(one) for one in await store.sessions_of(account_id)],
            "positions": {
                profile: [
                    {"contentId": one.content_id, "position": one.position, "at": _moment(one.at)}
                    for one in await store.positions(profile, MAX_POSITIONS)
                ]
                for profile in profiles
            },
        }

    async def erase_person(self, account_id: str, profiles: Sequence[str]) -> None:
        """End the account's sessions, so that the edges refuse their tokens, and delete all. Raises StorageFailed."""
        if account_id:
            await self._sessions.end_sessions(account_id, EndReason.ACCOUNT)
        await self._sessions.store.erase(account_id, profiles)


def _session_json(session: Session) -> dict[str, Any]:
    return {
        "sessionId": session.session_id,
        "contentId": session.content_id,
        "profileId": session.profile_id,
        "device": session.device_name,
        "startedAt": _moment(session.started),
        "seenAt": _moment(session.seen),
        "position": session.position,
        "ended": session.ended.value if session.ended else None,
    }


def _moment(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="seconds")
