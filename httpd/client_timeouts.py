"""Timeouts of a client's connection: what a sweep does with it, by its phase and how long it has been silent. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto

from kernel.settings.door_settings import Patience

MIN_BODY_RATE = 512
"""The lowest rate of a request body in the long run, in bytes a second."""


class Phase(Enum):
    """The phase of a connection."""

    WAITING = auto()
    """No byte of the next request has arrived."""
    HEAD = auto()
    """A part of a request head has arrived."""
    BODY = auto()
    """A request is running and its body is incomplete."""
    RUNNING = auto()
    """A complete request is running: the client waits for us."""


class ConnectionVerdict(Enum):
    """What to do with a connection."""

    STAY = auto()
    CLOSE = auto()
    """Idle for too long: close it without a response."""
    LATE_HEAD = auto()
    LATE_BODY = auto()
    """A head or body is late: answer 408."""
    STALLED = auto()
    """The client reads nothing of what is sent: reset the connection."""


@dataclass(frozen=True, slots=True)
class ConnectionSnapshot:
    """A connection at one moment.

    In seconds: `quiet` since the phase started (in a body: since the last byte), `reading` spent waiting for the body,
    `unread` since the client last acknowledged a byte (None: nothing is being sent). `served`: it had a request before.
    """

    phase: Phase
    quiet: float
    served: bool = False
    reading: float = 0.0
    body_bytes: int = 0
    unread: float | None = None


def judge_connection(snapshot: ConnectionSnapshot, patience: Patience) -> ConnectionVerdict:
    """Whether the connection may stay, else how to end it."""
    if snapshot.unread is not None:  # while a response is being sent, no other timeout applies
        return ConnectionVerdict.STALLED if snapshot.unread > patience.stalled else ConnectionVerdict.STAY
    match snapshot.phase:
        case Phase.WAITING:
            limit = patience.idle if snapshot.served else patience.head
            return ConnectionVerdict.CLOSE if snapshot.quiet > limit else ConnectionVerdict.STAY
        case Phase.HEAD:
            return ConnectionVerdict.LATE_HEAD if snapshot.quiet > patience.head else ConnectionVerdict.STAY
        case Phase.BODY:
            late = (
                snapshot.quiet > patience.head or snapshot.reading > patience.body + snapshot.body_bytes / MIN_BODY_RATE
            )
            return ConnectionVerdict.LATE_BODY if late else ConnectionVerdict.STAY
        case Phase.RUNNING:
            return ConnectionVerdict.STAY
