"""What a record of the event log holds: who reported what, when it came in, and the report as it came. Pure."""

from __future__ import annotations

from enum import StrEnum

import msgspec
from msgspec import Struct


class Kind(StrEnum):
    """The kind of a record's body, and so how consumers parse it."""

    CMCD = "cmcd"
    """Lines of CMCD v2 event mode (CTA-5004-B): a line is an event."""
    PLAYER = "player"
    """A JSON list of player events that `POST /events` accepted."""
    PLAYBACK = "playback"
    """A JSON object of the playback service: a session that started, moved or stopped."""
    FEEDBACK = "feedback"
    """A JSON object: a viewer's thumbs up or down, or a title they opened."""
    IMPRESSIONS = "impressions"
    """A JSON object: the list that a viewer was shown, of which arms of which experiments, and what was drawn in it."""
    LOGS = "logs"
    """Lines of nodes' access logs."""


class Record(Struct, frozen=True, omit_defaults=True):
    """One record. `received` is the server's clock in Unix seconds: a player's clock may be wrong by hours.

    `subject` is the profile that the body is about, when the writer knows it; `sessions` are the playback sessions it
    names. Erasure finds a person's records by these two. Without consent a record carries no subject.
    """

    kind: Kind
    received: float
    body: bytes
    subject: str = ""
    sessions: tuple[str, ...] = ()
    country: str = ""


class _Head(
    Struct, rename={"kind": "k", "received": "t", "subject": "p", "sessions": "s", "country": "c"}, omit_defaults=True
):
    kind: Kind
    received: float
    subject: str = ""
    sessions: tuple[str, ...] = ()
    country: str = ""


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(_Head)


def encode_record(record: Record) -> bytes:
    """A record as the log stores it: a line of JSON, then the body."""
    head = _Head(record.kind, record.received, record.subject, record.sessions, record.country)
    return _encoder.encode(head) + b"\n" + record.body


def decode_record(payload: bytes) -> Record:
    """The reverse. Raises msgspec.DecodeError for a payload that `encode_record` did not make."""
    line, _, body = payload.partition(b"\n")
    head = _decoder.decode(line)
    return Record(head.kind, head.received, body, head.subject, head.sessions, head.country)
