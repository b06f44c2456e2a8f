"""Adapt the event log to the interfaces of the other services, which do not import it themselves."""

from __future__ import annotations

from services.events.record import Kind, Record
from services.events.segment_log import EventAppender
from services.playback.sessions.records import PlaybackRecord


class EventsForPlayback:
    """The event log for playback."""

    def __init__(self, log: EventAppender) -> None:
        self._log = log

    async def append(self, record: PlaybackRecord) -> None:
        """Store a record; it is on the disk on return. Raises Overloaded, StorageFailed."""
        sessions = (record.session_id,)
        await self._log.append(Record(Kind.PLAYBACK, record.at, record.body, record.subject, sessions, record.country))
