"""Sessions as JSON values. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from services.playback.sessions.session import Session


def streams_in_use(sessions: Sequence[Session]) -> list[dict[str, Any]]:
    """Sessions that hold a slot, as the viewer sees them."""
    return [
        {
            "sessionId": one.session_id,
            "contentId": one.content_id,
            "deviceId": one.device_id,
            "device": one.device_name,
            "startedAt": moment(one.started),
            "seenAt": moment(one.seen),
            "position": one.position,
        }
        for one in sessions
    ]


def session_json(session: Session) -> dict[str, Any]:
    """A session as its person exports it."""
    return {
        "sessionId": session.session_id,
        "contentId": session.content_id,
        "profileId": session.profile_id,
        "device": session.device_name,
        "startedAt": moment(session.started),
        "seenAt": moment(session.seen),
        "position": session.position,
        "ended": session.ended.value if session.ended else None,
    }


def moment(at: float) -> str:
    """A time of Unix seconds in ISO 8601."""
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="seconds")
