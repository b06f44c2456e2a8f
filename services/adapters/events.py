"""Adapt the event log to the interfaces of the other services, which do not import it themselves."""

from __future__ import annotations

import asyncio

import msgspec

from kernel.clock import Clock
from kernel.errors import StorageFailed
from services.events.consumers import ConsumerCursors
from services.events.readers import EventReader
from services.events.record import Kind, Record, decode_record
from services.events.segment_log import EventAppender
from services.playback.sessions.records import PlaybackRecord
from services.recommend.events import FeedbackEvent
from services.recommend.experiments.records import read_seen
from services.recommend.signals import Signals, record_of_feedback, signal_of_feedback, signal_of_playback


class EventsForPlayback:
    """The event log for playback."""

    def __init__(self, log: EventAppender) -> None:
        self._log = log

    async def append(self, record: PlaybackRecord) -> None:
        """Store a record; it is on the disk on return. Raises Overloaded, StorageFailed."""
        sessions = (record.session_id,)
        await self._log.append(Record(Kind.PLAYBACK, record.at, record.body, record.subject, sessions, record.country))


class EventsForRecommend:
    """The event log for recommendations: sessions, feedback, and what lists showed."""

    def __init__(self, reader: EventReader, cursors: ConsumerCursors, clock: Clock) -> None:
        self._reader = reader
        self._cursors = cursors
        self._clock = clock

    async def read(self, cursor: int) -> tuple[int, Signals]:
        """(the next cursor, the signals up to it), waiting for the next records. Raises StorageFailed."""
        page = await self._reader.read(cursor)
        found = Signals()
        for framed in page.records:
            if framed.payload is None:
                continue
            try:
                record = decode_record(framed.payload)
            except msgspec.DecodeError:
                continue
            _read_record(record, found)
        return page.cursor, found

    async def acknowledge(self, cursor: int) -> None:
        """Let the log delete what is before the cursor. Raises StorageFailed."""
        try:
            await asyncio.to_thread(self._cursors.acknowledge, "recommend", cursor, self._clock.wall())
        except OSError as error:
            raise StorageFailed(f"the cursor of the event log cannot be written: {error}") from error


def _read_record(record: Record, found: Signals) -> None:
    event = None
    if record.kind is Kind.PLAYBACK:
        event = signal_of_playback(record.body, record.subject, record.received, record.country)
    elif record.kind is Kind.FEEDBACK:
        event = signal_of_feedback(record.body, record.subject, record.country)
    elif record.kind is Kind.IMPRESSIONS:
        seen, drawn = read_seen(record.body, record.subject, record.country)
        found.seen.extend(seen)
        found.drawn.extend(drawn)
    if event is not None:
        found.events.append(event)


class RecommendEvents:
    """The event log as recommendations write it: feedback, and what lists showed."""

    def __init__(self, log: EventAppender) -> None:
        self._log = log

    async def append(self, user: str, country: str, at: float, body: bytes) -> None:
        """Store what a list showed. Raises Overloaded, StorageFailed."""
        await self._log.append(Record(Kind.IMPRESSIONS, at, body, user, (), country))

    async def append_feedback(self, event: FeedbackEvent) -> None:
        """Store feedback. Raises Overloaded, StorageFailed."""
        body = record_of_feedback(event)
        await self._log.append(Record(Kind.FEEDBACK, event.at, body, event.user, (), event.country or ""))
