"""The state machine of a fill: the states, the events and one table of transitions.

ASKED            The request went upstream; no response yet. New readers may join.
FILLING          The head came and the response is stored when complete. All readers get bytes; new readers may join.
PASSING_THROUGH  The head came and the response is not stored. Readers it can serve read on; others are released.
STORED           The body is complete and in the cache.
PASSED_THROUGH   The body is complete and was not stored.
SLICED           The head came and the object is cached in slices: waiters read slices instead.
NOT_MODIFIED     Upstream answered 304: the stored response is still valid and serves all waiters.
FAILED           The fetch failed; no more bytes will come.
"""

from __future__ import annotations

from enum import StrEnum


class FillState(StrEnum):
    """The state of a fill."""

    ASKED = "asked"
    FILLING = "filling"
    PASSING_THROUGH = "passing-through"
    STORED = "stored"
    PASSED_THROUGH = "passed-through"
    SLICED = "sliced"
    NOT_MODIFIED = "not-modified"
    FAILED = "failed"


class FillEvent(StrEnum):
    """An event that moves a fill to another state."""

    HEAD_KEPT = "head-kept"
    HEAD_PASSED = "head-passed"
    HEAD_SLICED = "head-sliced"
    NOT_MODIFIED = "not-modified"
    TOO_LARGE = "too-large"
    PURGED = "purged"
    END = "end"
    ERROR = "error"


TRANSITIONS: dict[tuple[FillState, FillEvent], FillState] = {
    (FillState.ASKED, FillEvent.HEAD_KEPT): FillState.FILLING,
    (FillState.ASKED, FillEvent.HEAD_PASSED): FillState.PASSING_THROUGH,
    (FillState.ASKED, FillEvent.HEAD_SLICED): FillState.SLICED,
    (FillState.ASKED, FillEvent.NOT_MODIFIED): FillState.NOT_MODIFIED,
    (FillState.ASKED, FillEvent.PURGED): FillState.ASKED,
    (FillState.ASKED, FillEvent.ERROR): FillState.FAILED,
    (FillState.FILLING, FillEvent.TOO_LARGE): FillState.PASSING_THROUGH,
    (FillState.FILLING, FillEvent.PURGED): FillState.PASSING_THROUGH,
    (FillState.FILLING, FillEvent.END): FillState.STORED,
    (FillState.FILLING, FillEvent.ERROR): FillState.FAILED,
    (FillState.PASSING_THROUGH, FillEvent.PURGED): FillState.PASSING_THROUGH,
    (FillState.PASSING_THROUGH, FillEvent.END): FillState.PASSED_THROUGH,
    (FillState.PASSING_THROUGH, FillEvent.ERROR): FillState.FAILED,
}
"""(state, event) -> next state; `Fill` raises Bug on any other pair."""

ENDED = frozenset(
    (FillState.STORED, FillState.PASSED_THROUGH, FillState.SLICED, FillState.NOT_MODIFIED, FillState.FAILED)
)


def diagram() -> str:
    """`TRANSITIONS` as a Mermaid state diagram; docs/fills.md is generated from it."""
    lines = ["stateDiagram-v2", f"    [*] --> {FillState.ASKED.name}"]
    lines += [f"    {old.name} --> {new.name}: {event.value}" for (old, event), new in TRANSITIONS.items()]
    lines += [f"    {state.name} --> [*]" for state in FillState if state in ENDED]
    return "\n".join(lines)
