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

_SESSION = re.compile(rb'sid="([\x21\x23-\x5b\x5d-\x7e]{1,64})"(?=,|$)')
_EVENT = re.compile(rb"e=[a-z]{1,4}(?=,|$)")
_TIME = re.compile(rb"ts=\d{1,15}(?=,|$)")
_REQUIRED = ((b"e=", _EVENT), (b"ts=", _TIME), (b"sid=", _SESSION))
_PRINTABLE = bytes(range(0x20, 0x7F)) + b"\r\n"


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
    rejected: list[Rejected] = []
    lines = _lines(body)
    if not 0 < len(lines) <= MAX_EVENTS:
        raise ValueError(f"a body has 1 to {MAX_EVENTS} events, not {len(lines)}")
    is_printable = not body.translate(None, _PRINTABLE)
    known: dict[bytes, None] = {}
    for number, line in enumerate(lines, 1):
        why = "" if is_printable else _text_fault(line)
        session = b"" if why else _session_of(line)
        if session and session not in known and len(known) == MAX_SESSIONS:
            why = f"a body names at most {MAX_SESSIONS} sessions"
        if why or not session:
            rejected.append(Rejected(number, why or _cmcd_fault(line)))
            continue
        known[session] = None
        kept.append(line)
    sessions = tuple(session.decode("ascii") for session in known)
    return Batch(b"\n".join(kept), len(kept), sessions, tuple(rejected))


def _lines(body: bytes) -> list[bytes]:
    return [line.rstrip(b"\r") for line in body.split(b"\n") if line.strip()]


def _session_of(line: bytes) -> bytes:
    """The session of a line that can be stored, else b"". It is searched for three short words, not parsed."""
    if len(line) > MAX_LINE_BYTES or _find(line, b"e=", _EVENT) is None or _find(line, b"ts=", _TIME) is None:
        return b""
    session = _find(line, b"sid=", _SESSION)
    return session[1] if session is not None else b""


def _find(line: bytes, key: bytes, pattern: re.Pattern[bytes]) -> re.Match[bytes] | None:
    """The first valid member with this key."""
    if line.startswith(key) and (match := pattern.match(line)) is not None:
        return match
    at, key = 0, b"," + key
    while (at := line.find(key, at) + 1) > 0:
        if (match := pattern.match(line, at)) is not None:
            return match
    return None


def _text_fault(line: bytes) -> str:
    return "has characters that are not printable ASCII" if line.translate(None, _PRINTABLE) else ""


def _cmcd_fault(line: bytes) -> str:
    """Why a line cannot be stored."""
    if len(line) > MAX_LINE_BYTES:
        return f"is longer than {MAX_LINE_BYTES} bytes"
    for key, pattern in _REQUIRED:
        if _find(line, key, pattern) is None:
            return f"has no valid `{key[:-1].decode()}`, which each event must have"
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
    COMPLETE = "complete"
    """The title has been played to its end."""


class BrowseType(StrEnum):
    """What a viewer did where nothing plays."""

    HOVER = "hover"
    TRAILER = "trailer"
    SEARCH = "search"
    CLICK = "click"


Text = Annotated[str, Meta(max_length=200, pattern=r"^[^\x00]*\Z")]
Seconds = Annotated[float, Meta(ge=0, le=1e7)]
Number = Annotated[int, Meta(ge=-1, le=2**53)]


class PlayerEvent(Struct, rename="camel", omit_defaults=True):
    """One event of `POST /events`.

    `at`: Unix seconds by the player's clock; `sequence` counts the events of a session from 0, so that one that is sent
    twice is known; `position` in the title, `startup`, `duration` (of a stall) in seconds;
    `bitrate` in bit/s after a switch; `code` and `message` of an error, `fatal` when the player gave up.
    """

    type: EventType
    session_id: Annotated[str, Meta(min_length=1, max_length=128, pattern=r"^[\x21-\x7e]+\Z")]
    at: Annotated[float, Meta(ge=0, le=1e11)]
    sequence: Number = -1
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


class BrowseEvent(Struct, rename="camel", omit_defaults=True):
    """A micro-event of `POST /events` outside of playback.

    `at` as of PlayerEvent; `sessionId` is the page's visit, if it has one; `contentId` what was pointed at; `query`
    what was searched for; `list` and `rank` (from 0) where it stood; `duration` in seconds how long.
    """

    type: BrowseType
    at: Annotated[float, Meta(ge=0, le=1e11)]
    session_id: Annotated[str, Meta(max_length=128, pattern=r"^[\x21-\x7e]*\Z")] = ""
    sequence: Number = -1
    content_id: Annotated[str, Meta(max_length=64, pattern=r"^[^\x00]*\Z")] = ""
    query: Text = ""
    target: Text = ""
    list: Text = ""
    rank: Annotated[int, Meta(ge=0, le=10_000)] | None = None
    duration: Seconds | None = None
    device: Text = ""
    app_version: Text = ""


class _Envelope(Struct):
    events: list[msgspec.Raw]


_list = msgspec.json.Decoder(list[msgspec.Raw])
_envelope = msgspec.json.Decoder(_Envelope)
_event = msgspec.json.Decoder(PlayerEvent)
_encoder = msgspec.json.Encoder()
_BROWSE_TYPES = frozenset(BrowseType)


def read_player_events(body: bytes) -> Batch:
    """A body of `POST /events`: a JSON list of events, or `{"events": […]}`. Raises ValueError when it is neither."""
    raws = _raw_events(body)
    if len(raws) > MAX_EVENTS:
        raise ValueError(f"a body has at most {MAX_EVENTS} events, not {len(raws)}")
    kept: list[PlayerEvent | BrowseEvent] = []
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
        if event.session_id:
            sessions[event.session_id] = None
        kept.append(event)
    return Batch(_encoder.encode(kept), len(kept), tuple(sessions), tuple(rejected))


def _read_event(raw: msgspec.Raw) -> PlayerEvent | BrowseEvent:
    try:
        return _event.decode(raw)
    except msgspec.ValidationError:
        told = msgspec.json.decode(raw)
        is_browse = isinstance(told, dict) and told.get("type") in _BROWSE_TYPES
        # 1e6 is a whole number in JSON, but no int for the decoder. Its second refusal says what is wrong.
        numbers = whole_numbers(told)
        return msgspec.convert(numbers, BrowseEvent) if is_browse else msgspec.convert(numbers, PlayerEvent)


def _raw_events(body: bytes) -> Sequence[msgspec.Raw]:
    try:
        if body.lstrip()[:1] == b"{":
            return _envelope.decode(body).events
        return _list.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ValueError(f"the body is not a JSON list of events: {error}") from None
