"""The states of a pending response, as a table: what may happen when, and where it leads.

WAITING    nothing is written yet: it waits for a fill, the disk or a slice
HEAD_SENT  the head is written, no byte of the body yet: from here on a failure cannot be said by a status
BODY       bytes of the body are written
DONE       whole; the connection takes its next request
LOST       the viewer left before the end
FAILED     an error response was written in its place, or the connection was cut after the head
"""

from __future__ import annotations

from enum import StrEnum


class State(StrEnum):
    """Where a pending response stands."""

    WAITING = "waiting"
    HEAD_SENT = "head-sent"
    BODY = "body"
    DONE = "done"
    LOST = "lost"
    FAILED = "failed"


class Event(StrEnum):
    """What can happen to a pending response."""

    HEAD = "head"
    BYTES = "bytes"
    END = "end"
    LEFT = "left"
    ERROR = "error"


TRANSITIONS: dict[tuple[State, Event], State] = {
    (State.WAITING, Event.HEAD): State.HEAD_SENT,
    (State.WAITING, Event.END): State.DONE,
    (State.WAITING, Event.LEFT): State.LOST,
    (State.WAITING, Event.ERROR): State.FAILED,
    (State.HEAD_SENT, Event.BYTES): State.BODY,
    (State.HEAD_SENT, Event.END): State.DONE,
    (State.HEAD_SENT, Event.LEFT): State.LOST,
    (State.HEAD_SENT, Event.ERROR): State.FAILED,
    (State.BODY, Event.BYTES): State.BODY,
    (State.BODY, Event.END): State.DONE,
    (State.BODY, Event.LEFT): State.LOST,
    (State.BODY, Event.ERROR): State.FAILED,
}
"""(state, event) -> state; a pair that is not here is a Bug. WAITING ends at once where head and body are one write."""

ENDED = frozenset((State.DONE, State.LOST, State.FAILED))


def diagram() -> str:
    """The table as a Mermaid state diagram, for docs/fills.md."""
    lines = ["stateDiagram-v2", f"    [*] --> {State.WAITING.name}"]
    lines += [f"    {old.name} --> {new.name}: {event.value}" for (old, event), new in TRANSITIONS.items()]
    lines += [f"    {state.name} --> [*]" for state in State if state in ENDED]
    return "\n".join(lines)
