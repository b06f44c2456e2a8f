"""Signals from the event log: what sessions, feedback and lists say. Pure, but for the reader's loop."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Protocol

import msgspec
import structlog
from msgspec import Struct

from kernel.clock import Clock
from kernel.errors import StorageFailed
from kernel.vocabulary import is_content_id
from services.recommend.events import Action, FeedbackEvent
from services.recommend.experiments.records import Draw, Exposure
from services.recommend.store import FeedbackStore

log = structlog.get_logger()

CURSOR = "event-log"
MIN_SECONDS = 5.0
"""A session that was open for less says nothing: a slip of the finger, or an error of the player."""
RETRY_SECONDS = 2.0
MAX_SECONDS = 6 * 3600.0
"""Of one session: a television left on is not watched."""


class _Playback(Struct, rename="camel"):
    event: str = ""
    session_id: str = ""
    content_id: str = ""
    position: float = 0.0
    duration: float = 0.0
    open: float = 0.0


class FeedbackRecord(Struct, rename="camel", omit_defaults=True):
    """The body of a record of feedback; whose it is says the record's subject."""

    action: Action
    content_id: str
    at: float
    value: float | None = None
    event_id: str = ""


@dataclass(frozen=True)
class Signals:
    """What records of the event log say: feedback, who was shown which arm, what was drawn at random."""

    events: list[FeedbackEvent] = field(default_factory=list)
    seen: list[Exposure] = field(default_factory=list)
    drawn: list[Draw] = field(default_factory=list)


_playbacks = msgspec.json.Decoder(_Playback)
_feedback = msgspec.json.Decoder(FeedbackRecord)


def signal_of_playback(body: bytes, profile: str, at: float, country: str) -> FeedbackEvent | None:
    """The start, or the share watched, from the record of a session; None for any other record.

    Without the profile's consent the record names none, and says nothing here.
    """
    if not profile:
        return None
    try:
        found = _playbacks.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    if not is_content_id(found.content_id):
        return None
    name = f"{found.event}:{found.session_id}"[:64]
    if found.event == "start":
        return FeedbackEvent(profile, found.content_id, Action.START, None, at, country or None, name)
    if found.event != "stop" or found.duration <= 0 or found.open < MIN_SECONDS:
        return None
    share = round(min(1.0, max(0.0, found.position / found.duration)), 4)
    seconds = round(min(found.open, MAX_SECONDS), 1)
    return FeedbackEvent(profile, found.content_id, Action.WATCH, share, at, country or None, name, seconds)


def signal_of_feedback(body: bytes, profile: str, country: str) -> FeedbackEvent | None:
    """The feedback of a record; None for any other record."""
    if not profile:
        return None
    try:
        found = _feedback.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    if not is_content_id(found.content_id):
        return None
    return FeedbackEvent(
        profile, found.content_id, found.action, found.value, found.at, country or None, found.event_id
    )


def record_of_feedback(event: FeedbackEvent) -> bytes:
    """The reverse."""
    return msgspec.json.encode(FeedbackRecord(event.action, event.content, event.at, event.value, event.event_id))


class SignalSource(Protocol):
    """The part of the event log that recommendations use."""

    async def read(self, cursor: int) -> tuple[int, Signals]:
        """(the next cursor, the signals up to it), waiting for the next records. Raises StorageFailed."""

    async def acknowledge(self, cursor: int) -> None:
        """Let the log delete what is before the cursor. Raises StorageFailed."""


class SignalReader:
    """Stores the signals of the event log; its cursor is in the same transaction, so none is lost or counted twice."""

    def __init__(self, source: SignalSource, store: FeedbackStore, clock: Clock) -> None:
        self._source = source
        self._store = store
        self._clock = clock

    async def run(self) -> None:
        """Read and store, for ever. Another task sees what is stored, as that of any process."""
        while True:
            try:
                cursor = await self._store.fact(CURSOR)
                while True:
                    cursor = await self.read_once(cursor)
            except StorageFailed as error:
                log.warning("signals-unreadable", error=str(error))
                await asyncio.sleep(RETRY_SECONDS)

    async def read_once(self, cursor: int) -> int:
        """Store the signals of the next records, and where to go on. Raises StorageFailed."""
        read, signals = await self._source.read(cursor)
        now = self._clock.wall()
        await self._store.add_events(signals.events, now, (CURSOR, read), signals.seen, signals.drawn)
        await self._source.acknowledge(read)
        return read
