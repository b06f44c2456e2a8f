"""Reads the bodies in which players report events; what cannot be stored is named, the rest is kept. Pure.

Bodies are checked here and parsed later, in bulk: parsing a line costs ten times what storing it costs.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from kernel.documents import whole_numbers

MAX_EVENTS = 500
"""Events in one body; players send some 20."""
MAX_LINE_BYTES = 8 * 1024
MAX_SESSIONS = 50
"""Different sessions in one body: a player has one."""

_SESSION = re.compile(rb'(?:^|,)sid="([\x21\x23-\x5b\x5d-\x7e]{1,64})"')
_EVENT = re.compile(rb"(?:^|,)e=[a-z]{1,4}(?:,|$)")
_TIME = re.compile(rb"(?:^|,)ts=\d{1,15}(?:,|$)")


@dataclass(frozen=True, slots=True)
class Rejected:
    """An event that is not stored: its number in the body, from 1, and why."""

    number: int
    why: str


@dataclass(frozen=True, slots=True)
class Batch:
    """The events of a body that can be stored, as bytes to store, and the sessions that they name."""

    body: bytes
    count: int
    sessions: tuple[str, ...]
    rejected: tuple[Rejected, ...]


def read_cmcd(body: bytes) -> Batch:
    """A body of CMCD v2 event mode: a line an event; empty lines are ignored (CTA-5004-B, section 5).

    Each line must hold the keys `e`, `ts` and `sid`. Raises ValueError for a body with no event or too many.
    """
    kept: list[bytes] = []
    sessions: dict[str, None] = {}
    rejected: list[Rejected] = []
    lines = _lines(body)
    if not 0 < len(lines) <= MAX_EVENTS:
        raise ValueError(f"a body has 1 to {MAX_EVENTS} events, not {len(lines)}")
    for number, line in enumerate(lines, 1):
        why = _cmcd_fault(line)
        session = None if why else _SESSION.search(line)
        if session is not None and len(sessions) < MAX_SESSIONS:
            sessions[session[1].decode("ascii")] = None
            kept.append(line)
        else:
            rejected.append(Rejected(number, why or f"a body names at most {MAX_SESSIONS} sessions"))
    return Batch(b"\n".join(kept), len(kept), tuple(sessions), tuple(rejected))


def _lines(body: bytes) -> list[bytes]:
    return [line.rstrip(b"\r") for line in body.split(b"\n") if line.strip()]


def _cmcd_fault(line: bytes) -> str:
    if len(line) > MAX_LINE_BYTES:
        return f"is longer than {MAX_LINE_BYTES} bytes"
    if not line.isascii() or not line.decode("ascii").isprintable():
        return "has characters that are not printable ASCII"
    for key, pattern in (("e", _EVENT), ("ts", _TIME), ("sid", _SESSION)):
        if pattern.search(line) is None:
            return f"has no valid `{key}`, which each event must have"
    return ""


class EventType(StrEnum):
    """What happened in a player."""

    START = "start"
    FIRST_FRAME = "first-frame"
    PLAY = "play"
    PAUSE = "pause"
    SEEK = "seek"
    STALL = "stall"
    RESUME = "resume"
    SWITCH = "switch"
    ERROR = "error"
    STOP = "stop"


Text = Annotated[str, Meta(max_length=200, pattern=r"^[^\x00]*\Z")]
Seconds = Annotated[float, Meta(ge=0, le=1e7)]


class PlayerEvent(Struct, rename="camel", omit_defaults=True):
    """One event of `POST /events`.

    `at`: Unix seconds by the player's clock; `position` in the title, `startup`, `duration` (of a stall) in seconds;
    `bitrate` in bit/s after a switch; `code` and `message` of an error, `fatal` when the player gave up.
    """

    type: EventType
    session_id: Annotated[str, Meta(min_length=1, max_length=128, pattern=r"^[\x21-\x7e]+\Z")]
    at: Annotated[float, Meta(ge=0, le=1e11)]
    content_id: Annotated[str, Meta(max_length=64, pattern=r"^[^\x00]*\Z")] = ""
    position: Seconds | None = None
    startup: Seconds | None = None
    duration: Seconds | None = None
    bitrate: Annotated[int, Meta(ge=0, le=10**10)] | None = None
    edge: Text = ""
    code: Text = ""
    message: Annotated[str, Meta(max_length=1_000, pattern=r"^[^\x00]*\Z")] = ""
    fatal: bool = False
    device: Text = ""
    player: Text = ""
    app_version: Text = ""


class _Envelope(Struct):
    events: list[msgspec.Raw]


_list = msgspec.json.Decoder(list[msgspec.Raw])
_envelope = msgspec.json.Decoder(_Envelope)
_event = msgspec.json.Decoder(PlayerEvent)
_encoder = msgspec.json.Encoder()


def read_player_events(body: bytes) -> Batch:
    """A body of `POST /events`: a JSON list of events, or `{"events": […]}`. Raises ValueError when it is neither."""
    raws = _raw_events(body)
    if len(raws) > MAX_EVENTS:
        raise ValueError(f"a body has at most {MAX_EVENTS} events, not {len(raws)}")
    kept: list[PlayerEvent] = []
    sessions: dict[str, None] = {}
    rejected: list[Rejected] = []
    for number, raw in enumerate(raws, 1):
        try:
            event = _read_event(raw)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            rejected.append(Rejected(number, str(error)))
            continue
        if event.session_id not in sessions and len(sessions) == MAX_SESSIONS:
            rejected.append(Rejected(number, f"a body names at most {MAX_SESSIONS} sessions"))
            continue
        sessions[event.session_id] = None
        kept.append(event)
    return Batch(_encoder.encode(kept), len(kept), tuple(sessions), tuple(rejected))


def _read_event(raw: msgspec.Raw) -> PlayerEvent:
    try:
        return _event.decode(raw)
    except msgspec.ValidationError:
        # 1e6 is a whole number in JSON, but no int for the decoder. Its second refusal says what is wrong.
        return msgspec.convert(whole_numbers(msgspec.json.decode(raw)), PlayerEvent)


def _raw_events(body: bytes) -> Sequence[msgspec.Raw]:
    try:
        if body.lstrip()[:1] == b"{":
            return _envelope.decode(body).events
        return _list.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ValueError(f"the body is not a JSON list of events: {error}") from None
