"""The states of a stream that a viewer opened, as a table (RFC 9113 §5.1). Pure.

IDLE           not opened yet
OPEN           the request's body is arriving
HALF_REMOTE    the request is whole; the response is to be sent, or is being sent
ENDED          both are whole
LEFT           the viewer cancelled it
RESET          we cancelled it, or answered before the request was whole: frames may still be on their way
FORGOTTEN      closed too long ago to know how, or passed over
"""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

from edge.wire.h2.frames import Code


class StreamState(StrEnum):
    """Where a stream stands."""

    IDLE = "idle"
    OPEN = "open"
    HALF_REMOTE = "half-closed-remote"
    ENDED = "ended"
    LEFT = "left"
    RESET = "reset"
    FORGOTTEN = "forgotten"


class StreamInput(StrEnum):
    """What a viewer can send on a stream. `_END`: with END_STREAM."""

    HEADERS = "headers"
    HEADERS_END = "headers-end"
    DATA = "data"
    DATA_END = "data-end"
    RESET = "reset"
    WINDOW = "window"


class Wrong(NamedTuple):
    """What may not happen in that state, and what comes of it. `fatal`: for the whole connection."""

    code: Code
    fatal: bool


IGNORED = None
_STATE, _IN = StreamState, StreamInput
_PROTOCOL = Wrong(Code.PROTOCOL_ERROR, fatal=True)
_CLOSED_FATAL = Wrong(Code.STREAM_CLOSED, fatal=True)
_CLOSED = Wrong(Code.STREAM_CLOSED, fatal=False)
_BAD_TRAILERS = Wrong(Code.PROTOCOL_ERROR, fatal=False)
"""Trailers that do not end the stream (§8.1)."""

TRANSITIONS: dict[tuple[StreamState, StreamInput], StreamState | Wrong | None] = {
    (_STATE.IDLE, _IN.HEADERS): _STATE.OPEN,
    (_STATE.IDLE, _IN.HEADERS_END): _STATE.HALF_REMOTE,
    (_STATE.IDLE, _IN.DATA): _PROTOCOL,
    (_STATE.IDLE, _IN.DATA_END): _PROTOCOL,
    (_STATE.IDLE, _IN.RESET): _PROTOCOL,
    (_STATE.IDLE, _IN.WINDOW): _PROTOCOL,
    (_STATE.OPEN, _IN.HEADERS): _BAD_TRAILERS,
    (_STATE.OPEN, _IN.HEADERS_END): _STATE.HALF_REMOTE,
    (_STATE.OPEN, _IN.DATA): _STATE.OPEN,
    (_STATE.OPEN, _IN.DATA_END): _STATE.HALF_REMOTE,
    (_STATE.OPEN, _IN.RESET): _STATE.LEFT,
    (_STATE.OPEN, _IN.WINDOW): _STATE.OPEN,
    (_STATE.HALF_REMOTE, _IN.HEADERS): _CLOSED,
    (_STATE.HALF_REMOTE, _IN.HEADERS_END): _CLOSED,
    (_STATE.HALF_REMOTE, _IN.DATA): _CLOSED,
    (_STATE.HALF_REMOTE, _IN.DATA_END): _CLOSED,
    (_STATE.HALF_REMOTE, _IN.RESET): _STATE.LEFT,
    (_STATE.HALF_REMOTE, _IN.WINDOW): _STATE.HALF_REMOTE,
    (_STATE.ENDED, _IN.HEADERS): _CLOSED_FATAL,
    (_STATE.ENDED, _IN.HEADERS_END): _CLOSED_FATAL,
    (_STATE.ENDED, _IN.DATA): _CLOSED_FATAL,
    (_STATE.ENDED, _IN.DATA_END): _CLOSED_FATAL,
    (_STATE.ENDED, _IN.RESET): IGNORED,
    (_STATE.ENDED, _IN.WINDOW): IGNORED,
    (_STATE.LEFT, _IN.HEADERS): _CLOSED,
    (_STATE.LEFT, _IN.HEADERS_END): _CLOSED,
    (_STATE.LEFT, _IN.DATA): _CLOSED,
    (_STATE.LEFT, _IN.DATA_END): _CLOSED,
    (_STATE.LEFT, _IN.RESET): IGNORED,
    (_STATE.LEFT, _IN.WINDOW): IGNORED,
    (_STATE.RESET, _IN.HEADERS): IGNORED,
    (_STATE.RESET, _IN.HEADERS_END): IGNORED,
    (_STATE.RESET, _IN.DATA): IGNORED,
    (_STATE.RESET, _IN.DATA_END): IGNORED,
    (_STATE.RESET, _IN.RESET): IGNORED,
    (_STATE.RESET, _IN.WINDOW): IGNORED,
    (_STATE.FORGOTTEN, _IN.HEADERS): _PROTOCOL,
    (_STATE.FORGOTTEN, _IN.HEADERS_END): _PROTOCOL,
    (_STATE.FORGOTTEN, _IN.DATA): _CLOSED,
    (_STATE.FORGOTTEN, _IN.DATA_END): _CLOSED,
    (_STATE.FORGOTTEN, _IN.RESET): IGNORED,
    (_STATE.FORGOTTEN, _IN.WINDOW): IGNORED,
}
"""(state, input) -> the next state, what is wrong, or None: ignored. All that viewers may send is in every state."""

CLOSED = frozenset((_STATE.ENDED, _STATE.LEFT, _STATE.RESET, _STATE.FORGOTTEN))
