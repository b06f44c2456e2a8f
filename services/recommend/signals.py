"""Signals from the event log: what a playback session says of its title. Pure, but for the reader's loop."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Protocol

import msgspec
import structlog
from msgspec import Struct

from kernel.clock import Clock
from kernel.errors import StorageFailed
from kernel.vocabulary import is_content_id
from services.recommend.events import Action, FeedbackEvent
from services.recommend.store import FeedbackStore

log = structlog.get_logger()

CURSOR = "event-log"
MIN_SECONDS = 5.0
"""A session that was open for less says nothing: a slip of the finger, or an error of the player."""
RETRY_SECONDS = 2.0


class _Playback(Struct, rename="camel"):
    event: str = ""
    session_id: str = ""
    content_id: str = ""
    position: float = 0.0
    duration: float = 0.0
    open: float = 0.0


_decoder = msgspec.json.Decoder(_Playback)


def signal_of_playback(body: bytes, profile: str, at: float, country: str) -> FeedbackEvent | None:
    """The share watched, from the record of a session's end; None for any other record, and without a profile.

    Without the profile's consent the record names none.
    """
    if not profile:
        return None
    try:
        found = _decoder.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    if found.event != "stop" or found.duration <= 0 or found.open < MIN_SECONDS or not is_content_id(found.content_id):
        return None
    share = min(1.0, max(0.0, found.position / found.duration))
    name = f"stop:{found.session_id}"[:64]
    return FeedbackEvent(profile, found.content_id, Action.WATCH, round(share, 4), at, country or None, name)


class SignalSource(Protocol):
    """The part of the event log that recommendations use."""

    async def read(self, cursor: int) -> tuple[int, Sequence[FeedbackEvent]]:
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
        await self._store.add_events(signals, self._clock.wall(), (CURSOR, read))
        await self._source.acknowledge(read)
        return read
