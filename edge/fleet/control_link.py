"""One connection to control, where control is, and what the stream asks of the rest of the edge."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from edge.fleet.apply import State
from kernel.fleet.messages import NOTHING, FromControl, FromEdge, Jobs, Report, Version

BACKOFF_FIRST = 0.2
MAX_BACKOFF = 10.0


class ControlConnection(Protocol):
    """One connection to control. Losing it raises UpstreamFailed."""

    async def send(self, message: FromEdge, /) -> None:
        """Say something to control."""

    def __aiter__(self) -> AsyncIterator[FromControl]:
        """What control says, until it closes."""

    async def close(self) -> None:
        """End the connection."""


Connect = Callable[[str], Awaitable[ControlConnection]]
"""Makes a connection to HOST:PORT; UpstreamFailed when it cannot."""


def _nothing(*_: object) -> None:
    """Nobody listens, nobody speaks."""


def _no_mark() -> Version:
    return NOTHING


@dataclass(slots=True)
class ControlCallbacks:
    """What the stream asks of the rest of the edge; each is called in the event loop and does not wait.

    `accepts` raises BadSettings, naming the setting, for a state whose settings this node cannot follow. `on_jobs` is
    given entries of the job log, `mark` tells up to where purges are done here, `report` how the edge is (None: nothing
    to say). `on_connected` is called when control's stream stands anew and has said what is new.
    """

    accepts: Callable[[State], object] = _nothing
    on_jobs: Callable[[Jobs], object] = _nothing
    mark: Callable[[], Version] = _no_mark
    report: Callable[[], Report | None] = _nothing
    on_connected: Callable[[], object] = _nothing


class Addresses:
    """Where control's replicas are; each edge begins at another of them and goes on to the next with every attempt.

    `spread` in [0, 1) says where it begins.
    """

    def __init__(self, addresses: Sequence[str], spread: float) -> None:
        first = int(spread * len(addresses))
        self._order = [*addresses[first:], *addresses[:first]]
        self.latest = self._order[0]
        """The one that was tried last."""

    def next(self) -> str:
        """The one to try now."""
        self.latest = self._order.pop(0)
        self._order.append(self.latest)
        return self.latest


def backoff(failures: int, jitter: float) -> float:
    """Seconds to wait after the n-th failure in a row (from 1): doubling up to a most, spread by `jitter` in [0, 1)."""
    longest = min(MAX_BACKOFF, BACKOFF_FIRST * 2.0 ** min(failures - 1, 16))
    return longest * (0.5 + jitter / 2)
