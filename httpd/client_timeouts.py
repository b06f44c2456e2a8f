"""How long a client of a door is waited for: what one look at its connection leads to. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto

from kernel.settings.door_settings import Patience

BODY_RATE = 512
"""A body may take a second more for each so many bytes of it: the least rate in the long run, bytes a second."""


class Phase(Enum):
    """What a connection is at."""

    WAITING = auto()
    """Nothing of the next request has come."""
    HEAD = auto()
    """Some of a head has come."""
    BODY = auto()
    """A request runs, and not all of its body is here."""
    RUNNING = auto()
    """A request runs, all of which is here: it waits for us."""


class Verdict(Enum):
    """What becomes of a connection."""

    STAY = auto()
    CLOSE = auto()
    """Nothing was asked: closed without a word."""
    LATE_HEAD = auto()
    LATE_BODY = auto()
    """Both are answered 408."""
    STALLED = auto()
    """It takes nothing of what is sent: cut."""


@dataclass(frozen=True, slots=True)
class Look:
    """A connection at one moment. Seconds: `quiet` since the phase began (in a body: since bytes came), `reading` for
    which the body was awaited so far, `untaken` since the client last took something (None: there is nothing to take).
    """

    phase: Phase
    quiet: float
    served: bool = False
    reading: float = 0.0
    body_bytes: int = 0
    untaken: float | None = None


def verdict(look: Look, patience: Patience) -> Verdict:
    """Whether it may stay."""
    if look.untaken is not None:  # while an answer is under way nothing else is asked of the client
        return Verdict.STALLED if look.untaken > patience.stalled else Verdict.STAY
    match look.phase:
        case Phase.WAITING:
            most = patience.idle if look.served else patience.head
            return Verdict.CLOSE if look.quiet > most else Verdict.STAY
        case Phase.HEAD:
            return Verdict.LATE_HEAD if look.quiet > patience.head else Verdict.STAY
        case Phase.BODY:
            late = look.quiet > patience.head or look.reading > patience.body + look.body_bytes / BODY_RATE
            return Verdict.LATE_BODY if late else Verdict.STAY
        case Phase.RUNNING:
            return Verdict.STAY
