"""One connection to control: its addresses and backoff, what the edge reports, and the callbacks of the stream.

`ControlSender` sends receipts of jobs as they arise and a report every two seconds. Nothing piles up: a report is made
only when it can be sent, and a stream that is stuck gets no further one.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from edge.fleet.apply import State
from kernel.clock import Clock, Timer
from kernel.errors import UpstreamFailed
from kernel.fleet.messages import NOTHING, FromControl, FromEdge, Jobs, Receipt, Report, Version

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


EARLY = 0.01
"""Seconds that a timer of the event loop may come too early by: it would be the last one otherwise."""
REPORT_EVERY = 2.0
MAX_RECEIPTS = 10_000
"""Receipts that wait for the stream; beyond it the oldest is forgotten: control tells of its job again."""


class ControlSender:
    """`link` gives the stream while it stands, `report` how the edge is (None: nothing to say). `run` is one task."""

    def __init__(
        self, clock: Clock, link: Callable[[], ControlConnection | None], report: Callable[[], Report | None]
    ) -> None:
        self._clock = clock
        self._link = link
        self._report = report
        self._receipts: deque[Receipt] = deque(maxlen=MAX_RECEIPTS)
        self._something = asyncio.Event()

    def enqueue_receipt(self, receipt: Receipt) -> None:
        """Give control a receipt, now or when its stream stands again."""
        self._receipts.append(receipt)
        self._something.set()

    def connected(self) -> None:
        """The stream stands."""
        self._something.set()

    async def run(self) -> None:
        """Speak for ever."""
        timer: Timer | None = None
        due = self._clock.mono()
        try:
            while True:
                await self._something.wait()
                self._something.clear()
                link = self._link()
                if link is None:
                    continue  # `connected` is said when it is there
                try:
                    await self._send_receipts(link)
                    if due - self._clock.mono() > EARLY:
                        continue
                    due = self._clock.mono() + REPORT_EVERY
                    timer = self._clock.call_later(REPORT_EVERY, self._something.set)
                    if (report := self._report()) is not None:
                        await link.send(report)
                except UpstreamFailed:
                    continue  # the reader of this link notices too
        finally:
            if timer is not None:
                timer.cancel()

    async def _send_receipts(self, link: ControlConnection) -> None:
        while self._receipts:
            receipt = self._receipts.popleft()
            try:
                await link.send(receipt)
            except UpstreamFailed:
                self._receipts.appendleft(receipt)
                raise
