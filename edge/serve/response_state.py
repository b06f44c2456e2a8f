"""The states of a pending response, as a table: what may happen when, and where it leads.

WAITING    nothing is written: the response waits for a fill, the disk or a slice
HEAD_SENT  the head is written and no byte of the body: from here on a failure cannot be reported by a status
BODY       bytes of the body are written
DONE       complete; the connection takes its next request
LOST       the viewer left before the end
FAILED     an error response was written instead, or the connection was cut after the head
"""

from __future__ import annotations

from enum import StrEnum


class ResponseState(StrEnum):
    """Where a pending response stands."""

    WAITING = "waiting"
    HEAD_SENT = "head-sent"
    BODY = "body"
    DONE = "done"
    LOST = "lost"
    FAILED = "failed"


class ResponseEvent(StrEnum):
    """What can happen to a pending response."""

    HEAD = "head"
    BYTES = "bytes"
    END = "end"
    LEFT = "left"
    ERROR = "error"


TRANSITIONS: dict[tuple[ResponseState, ResponseEvent], ResponseState] = {
    (ResponseState.WAITING, ResponseEvent.HEAD): ResponseState.HEAD_SENT,
    (ResponseState.WAITING, ResponseEvent.END): ResponseState.DONE,
    (ResponseState.WAITING, ResponseEvent.LEFT): ResponseState.LOST,
    (ResponseState.WAITING, ResponseEvent.ERROR): ResponseState.FAILED,
    (ResponseState.HEAD_SENT, ResponseEvent.BYTES): ResponseState.BODY,
    (ResponseState.HEAD_SENT, ResponseEvent.END): ResponseState.DONE,
    (ResponseState.HEAD_SENT, ResponseEvent.LEFT): ResponseState.LOST,
    (ResponseState.HEAD_SENT, ResponseEvent.ERROR): ResponseState.FAILED,
    (ResponseState.BODY, ResponseEvent.BYTES): ResponseState.BODY,
    (ResponseState.BODY, ResponseEvent.END): ResponseState.DONE,
    (ResponseState.BODY, ResponseEvent.LEFT): ResponseState.LOST,
    (ResponseState.BODY, ResponseEvent.ERROR): ResponseState.FAILED,
}
"""(state, event) -> state; a missing pair is a Bug. WAITING ends at once if head and body are one write."""

ENDED = frozenset((ResponseState.DONE, ResponseState.LOST, ResponseState.FAILED))


def diagram() -> str:
    """The table as a Mermaid state diagram, for docs/fills.md."""
    lines = ["stateDiagram-v2", f"    [*] --> {ResponseState.WAITING.name}"]
    lines += [f"    {old.name} --> {new.name}: {event.value}" for (old, event), new in TRANSITIONS.items()]
    lines += [f"    {state.name} --> [*]" for state in ResponseState if state in ENDED]
    return "\n".join(lines)
