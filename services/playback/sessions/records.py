"""What playback writes to the event log: the start and the stop of a session. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

import msgspec

from services.playback.sessions.session import Session


class PlaybackEvent(StrEnum):
    """What happened to a session."""

    START = "start"
    STOP = "stop"


@dataclass(frozen=True, slots=True)
class PlaybackRecord:
    """A record for the event log, at `at` (Unix seconds): a JSON body, the profile ("" without its consent)."""

    at: float
    body: bytes
    subject: str
    session_id: str
    country: str


class PlaybackLog(Protocol):
    """The event log, as playback uses it."""

    async def append(self, record: PlaybackRecord) -> None:
        """Store a record; it is on the disk on return. Raises Overloaded, StorageFailed."""


def playback_record(event: PlaybackEvent, session: Session, country: str | None, now: float) -> PlaybackRecord:
    """The record of an event at `now` (Unix seconds); without the profile's consent nothing in it names a person."""
    body: dict[str, object] = {
        "event": event.value,
        "sessionId": session.session_id,
        "contentId": session.content_id,
        "position": round(session.position, 3),
        "duration": session.duration,
        "tier": session.tier.value,
    }
    if event is PlaybackEvent.STOP:
        body["ended"] = session.ended.value if session.ended is not None else ""
        body["open"] = round(max(0.0, session.seen - session.started), 3)
    subject = session.profile_id if session.consent else ""
    return PlaybackRecord(now, msgspec.json.encode(body), subject, session.session_id, country or "")
