"""How a record of the event log lies in a message of Kafka. Pure.

The value is the record's body; everything else is in headers, so that other consumers can use it without our code. The
key is the session, so that a session's events lie in one partition, in order. `origin` and `position` say which log the
record came from and where it was there: a forwarder that was killed sends again what it cannot know to be sent, and a
consumer leaves out what it has had from that log.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

from services.analytics.event_source import StoredRecord
from services.analytics.lake.lake_files import VIEWS

_KIND = re.compile(r"[a-z]{1,20}")
MAX_NUMBER = 2.0**53
MAX_MOMENT = 1e11


class Message(NamedTuple):
    """A message to be sent."""

    key: bytes
    value: bytes
    headers: list[tuple[str, bytes]]


def message_of(record: StoredRecord, origin: str) -> Message:
    """The message of a record of the log with this name."""
    key = record.sessions[0] if record.sessions else f"{origin}-{record.position}"
    texts = {
        "kind": record.kind,
        "received": repr(record.received),
        "origin": origin,
        "position": str(record.position),
        "subject": record.subject,
        "sessions": " ".join(record.sessions),
        "country": record.country,
    }
    return Message(key.encode(), record.body, [(name, text.encode()) for name, text in texts.items() if text])


def record_of(offset: int, value: bytes | None, headers: Iterable[tuple[str, bytes]], timestamp: float) -> StoredRecord:
    """The record of a message at an offset of its partition; one that is not ours is kept as text. `timestamp` in Unix
    seconds."""
    texts = {name: text.decode("utf-8", "replace") for name, text in headers if text}
    return StoredRecord(
        position=offset,
        end=offset + 1,
        kind=_kind(texts.get("kind", "")),
        received=min(_number(texts.get("received", ""), timestamp), MAX_MOMENT),
        body=value or b"",
        subject=texts.get("subject", ""),
        sessions=tuple(texts.get("sessions", "").split()),
        country=texts.get("country", ""),
        origin=texts.get("origin", ""),
        origin_position=int(_number(texts.get("position", ""), -1)),
    )


def _kind(text: str) -> str:
    """The kind, which names a folder of the lake: nobody else's may be that of the views, or lead elsewhere."""
    return text if _KIND.fullmatch(text) and text != VIEWS else "unread"


def _number(text: str, default: float) -> float:
    try:
        number = float(text)
    except ValueError:
        return default
    return number if 0 <= number <= MAX_NUMBER else default  # neither infinite nor NaN
