"""The states of a fill, as a table: what may happen when, and where it leads.

ASKED      the upstream was asked, nothing has come yet; everybody may join
FILLING    the head came and may be kept; bytes flow to all readers; everybody may join
PASSING    the head came and may not be kept: the readers it serves read on, others were freed to go alone
STORED     whole, and in the cache
SERVED     whole, not kept
SLICED     the head came and says that the object is kept in slices: whoever waits reads it so; the fetch cuts it up
HELD       a 304: what was stored still holds and serves everybody
FAILED     nothing more will come
"""

from __future__ import annotations

from enum import StrEnum


class State(StrEnum):
    """Where a fill stands."""

    ASKED = "asked"
    FILLING = "filling"
    PASSING = "passing"
    STORED = "stored"
    SERVED = "served"
    SLICED = "sliced"
    HELD = "held"
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
    (State.ASKED, Event.HEAD_PASSED): State.PASSING,
    (State.ASKED, Event.HEAD_SLICED): State.SLICED,
    (State.ASKED, Event.NOT_MODIFIED): State.HELD,
    (State.ASKED, Event.PURGED): State.ASKED,
    (State.ASKED, Event.ERROR): State.FAILED,
    (State.FILLING, Event.TOO_LARGE): State.PASSING,
    (State.FILLING, Event.PURGED): State.PASSING,
    (State.FILLING, Event.END): State.STORED,
    (State.FILLING, Event.ERROR): State.FAILED,
    (State.PASSING, Event.PURGED): State.PASSING,
    (State.PASSING, Event.END): State.SERVED,
    (State.PASSING, Event.ERROR): State.FAILED,
}
"""(state, event) -> state; a pair that is not here is a Bug."""

ENDED = frozenset((State.STORED, State.SERVED, State.SLICED, State.HELD, State.FAILED))


def diagram() -> str:
    """The table as a Mermaid state diagram, for docs/request.md."""
    lines = ["stateDiagram-v2", f"    [*] --> {State.ASKED.name}"]
    lines += [f"    {old.name} --> {new.name}: {event.value}" for (old, event), new in TRANSITIONS.items()]
    lines += [f"    {state.name} --> [*]" for state in State if state in ENDED]
    return "\n".join(lines)
