"""What analytics reads: records of the event log, or of Kafka, and the events that are in them. Pure.

A record is never left out: what cannot be parsed is an event of its own, with the text and no meaning, because it was
acknowledged and has to be in the lake.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple, Protocol

from services.analytics.views.cmcd_line import read_cmcd_event
from services.analytics.views.json_lines import read_access_line, read_playback, read_player_list
from services.analytics.views.view_event import Signal, Source, ViewEvent


class StoredRecord(NamedTuple):
    """A record: where it starts and ends in its source, its kind, and its body as it was stored. `received` in Unix
    seconds; `subject` is the profile, where it consented. `origin` and `origin_position` are the log that it was first
    stored in, and where, for sources that may hand out a record twice."""

    position: int
    end: int
    kind: str
    received: float
    body: bytes
    subject: str = ""
    sessions: tuple[str, ...] = ()
    country: str = ""
    origin: str = ""
    origin_position: int = -1


class RecordPage(NamedTuple):
    """Records from a cursor on, and the cursor after them."""

    records: Sequence[StoredRecord]
    cursor: int


class RecordSource(Protocol):
    """A log of records. Calls block, so they run in threads."""

    @property
    def name(self) -> str:
        """What the lake's files are named by: lower-case letters, digits, hyphens and dots."""

    def read(self, cursor: int) -> RecordPage:
        """The next records, perhaps none. Raises StorageFailed."""

    def acknowledge(self, cursor: int, now: float) -> None:
        """Say that what lies before the cursor is in the lake. Raises StorageFailed."""


def events_of(record: StoredRecord) -> list[ViewEvent]:
    """The events of a record, in their order; at least one."""
    found = list(_parse(record))
    if found:
        return found
    session = record.sessions[0] if len(record.sessions) == 1 else ""
    return [_unread(record, record.body.decode("utf-8", "replace"), session)]


def _parse(record: StoredRecord) -> Iterator[ViewEvent]:
    match record.kind:
        case "cmcd":
            for line in record.body.decode("latin-1").split("\n"):
                yield read_cmcd_event(line, record.received, record.country) or _unread(record, line)
        case "player":
            yield from read_player_list(record.body, record.received, record.country)
        case "playback":
            event = read_playback(record.body, record.received, record.subject, record.country)
            if event is not None:
                yield event
        case "logs":
            for part in record.body.split(b"\n"):
                yield read_access_line(part, record.received) or _unread(record, part.decode("utf-8", "replace"))
        case _:
            yield _unread(record, record.body.decode("utf-8", "replace"))


def _unread(record: StoredRecord, text: str, session: str = "") -> ViewEvent:
    source = Source.EDGE if record.kind == "logs" else Source.PLAYBACK
    if len(record.sessions) == 1:
        session = record.sessions[0]
    return ViewEvent(
        session, record.received, record.received, source, Signal.OTHER, "", country=record.country,
        subject=record.subject, raw=text,
    )  # fmt: skip
