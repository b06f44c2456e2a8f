"""The states of a fill, as a table: what may happen when, and where it leads.

ASKED            the upstream was asked, nothing has come yet; everybody may join
FILLING          the head came and may be kept; bytes flow to all readers; everybody may join
PASSING_THROUGH  the head came and may not be kept: the readers it serves read on, others are released
STORED           whole, and in the cache
PASSED_THROUGH   whole, not kept
SLICED           the head came and says that the object is kept in slices: waiters read slices; the fetch cuts it up
NOT_MODIFIED     a 304: what was stored still holds and serves everybody
FAILED           nothing more will come
"""

from __future__ import annotations

from enum import StrEnum


class State(StrEnum):
    """Where a fill stands."""

    ASKED = "asked"
    FILLING = "filling"
    PASSING_THROUGH = "passing"
    STORED = "stored"
    PASSED_THROUGH = "served"
    SLICED = "sliced"
    NOT_MODIFIED = "held"
    FAILED = "failed"


class Event(StrEnum):
    """What can happen to a fill."""

    HEAD_KEPT = "head-kept"
    HEAD_PASSED = "head-passed"
    HEAD_SLICED = "head-sliced"
    NOT_MODIFIED = "not-modified"
    TOO_LARGE = "too-large"
    PURGED = "purged"
    END = "end"
    ERROR = "error"


TRANSITIONS: dict[tuple[State, Event], State] = {
    (State.ASKED, Event.HEAD_KEPT): State.FILLING,
    (State.ASKED, Event.HEAD_PASSED): State.PASSING_THROUGH,
    (State.ASKED, Event.HEAD_SLICED): State.SLICED,
    (State.ASKED, Event.NOT_MODIFIED): State.NOT_MODIFIED,
    (State.ASKED, Event.PURGED): State.ASKED,
    (State.ASKED, Event.ERROR): State.FAILED,
    (State.FILLING, Event.TOO_LARGE): State.PASSING_THROUGH,
    (State.FILLING, Event.PURGED): State.PASSING_THROUGH,
    (State.FILLING, Event.END): State.STORED,
    (State.FILLING, Event.ERROR): State.FAILED,
    (State.PASSING_THROUGH, Event.PURGED): State.PASSING_THROUGH,
    (State.PASSING_THROUGH, Event.END): State.PASSED_THROUGH,
    (State.PASSING_THROUGH, Event.ERROR): State.FAILED,
}
"""(state, event) -> state; a pair that is not here is a Bug."""

ENDED = frozenset((State.STORED, State.PASSED_THROUGH, State.SLICED, State.NOT_MODIFIED, State.FAILED))


def diagram() -> str:
    """The table as a Mermaid state diagram, for docs/request.md."""
    lines = ["stateDiagram-v2", f"    [*] --> {State.ASKED.name}"]
    lines += [f"    {old.name} --> {new.name}: {event.value}" for (old, event), new in TRANSITIONS.items()]
    lines += [f"    {state.name} --> [*]" for state in State if state in ENDED]
    return "\n".join(lines)
