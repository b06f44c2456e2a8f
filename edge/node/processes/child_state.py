"""The state of one process of a node, as the supervisor sees it: a table, and when it is started again. Pure.

STARTING   started; it has not said that it is ready
READY      it serves
WAITING    it ended by itself; it is started again after a pause
STOPPING   it was told to end
GONE       it ended as it was told, or could not be started even once
"""

from __future__ import annotations

from enum import StrEnum

FIRST_PAUSE, MAX_PAUSE = 0.05, 5.0
"""Seconds before a process is started again: each time twice the pause before."""
STEADY_SECONDS = 10.0
"""A process that ran for so long did not fail at its start: its pauses start from the shortest."""


class ChildState(StrEnum):
    """Where a child stands."""

    STARTING = "starting"
    READY = "ready"
    WAITING = "waiting"
    STOPPING = "stopping"
    GONE = "gone"


class ChildEvent(StrEnum):
    """What happens to a child."""

    SAID_READY = "said-ready"
    ENDED = "ended"
    DUE = "due"
    TOLD_TO_STOP = "told-to-stop"


TRANSITIONS: dict[tuple[ChildState, ChildEvent], ChildState] = {
    (ChildState.STARTING, ChildEvent.SAID_READY): ChildState.READY,
    (ChildState.STARTING, ChildEvent.ENDED): ChildState.WAITING,
    (ChildState.READY, ChildEvent.ENDED): ChildState.WAITING,
    (ChildState.WAITING, ChildEvent.DUE): ChildState.STARTING,
    (ChildState.STARTING, ChildEvent.TOLD_TO_STOP): ChildState.STOPPING,
    (ChildState.READY, ChildEvent.TOLD_TO_STOP): ChildState.STOPPING,
    (ChildState.WAITING, ChildEvent.TOLD_TO_STOP): ChildState.GONE,
    (ChildState.STOPPING, ChildEvent.SAID_READY): ChildState.STOPPING,
    (ChildState.STOPPING, ChildEvent.TOLD_TO_STOP): ChildState.STOPPING,
    (ChildState.STOPPING, ChildEvent.ENDED): ChildState.GONE,
    (ChildState.GONE, ChildEvent.TOLD_TO_STOP): ChildState.GONE,
}
"""(state, event) -> state; other events are ignored."""


def next_state(state: ChildState, event: ChildEvent) -> ChildState:
    """The state after an event."""
    return TRANSITIONS.get((state, event), state)


def pause_before_restart(failures: int) -> float:
    """Seconds until a process is started again that ended so many times in a row, at least once."""
    return min(MAX_PAUSE, FIRST_PAUSE * 2.0 ** min(failures - 1, 16))


def failures_after(failures: int, ran_seconds: float) -> int:
    """The failures in a row, this end included."""
    return 1 if ran_seconds >= STEADY_SECONDS else failures + 1
