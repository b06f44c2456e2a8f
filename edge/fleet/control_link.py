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

from edge.fleet.apply import FleetState
from kernel.clock import Clock, Timer
from kernel.errors import UpstreamFailed
from kernel.fleet.messages import NOTHING, FromControl, FromEdge, Jobs, Receipt, Report, Version

MIN_BACKOFF = 0.2
MAX_BACKOFF = 10.0


class ControlConnection(Protocol):
    """One connection to control. Losing it raises UpstreamFailed."""

    async def send(self, message: FromEdge, /) -> None:
        """Send a message to control."""

    def __aiter__(self) -> AsyncIterator[FromControl]:
        """The messages of control, until it closes."""

    async def close(self) -> None:
        """Close the connection."""


Connect = Callable[[str], Awaitable[ControlConnection]]
"""Connects to HOST:PORT. Raises UpstreamFailed."""


def _nothing(*_: object) -> None:
    """The default of a callback."""


def _no_checkpoint() -> Version:
    return NOTHING


async def _at_once() -> None:
    """A node of one process: what it applied is in force."""


@dataclass(slots=True)
class ControlCallbacks:
    """What the stream calls on the rest of the edge, in the event loop. Only `until_in_force` waits, until every
    process of the node has applied what it was given.

    `check_state` raises BadSettings, naming the setting, for a state whose settings this node cannot follow. `on_jobs`
    gets entries of the job log; `checkpoint` returns up to which version jobs are done here; `report` returns the
    edge's report (None: nothing to send). `on_connected` is called when the stream is connected and has sent what is
    new.
    """

    check_state: Callable[[FleetState], object] = _nothing
    on_jobs: Callable[[Jobs], object] = _nothing
    checkpoint: Callable[[], Version] = _no_checkpoint
    report: Callable[[], Report | None] = _nothing
    on_connected: Callable[[], object] = _nothing
    until_in_force: Callable[[], Awaitable[object]] = _at_once


class ControlAddresses:
    """The addresses of control's replicas. Each attempt uses the next one.

    `spread` in [0, 1) chooses the first, so that edges spread over the replicas.
    """

    def __init__(self, addresses: Sequence[str], spread: float) -> None:
        first = int(spread * len(addresses))
        self._order = [*addresses[first:], *addresses[:first]]
        self.current = self._order[0]
        """The address tried last."""

    def next(self) -> str:
        """The address to try now."""
        self.current = self._order.pop(0)
        self._order.append(self.current)
        return self.current


def backoff_seconds(failures: int, jitter: float) -> float:
    """Seconds to wait after the n-th failure in a row (from 1): doubles up to MAX_BACKOFF, spread by `jitter` in [0,
    1).
    """
    longest = min(MAX_BACKOFF, MIN_BACKOFF * 2.0 ** min(failures - 1, 16))
    return longest * (0.5 + jitter / 2)


TIMER_SLACK = 0.01
"""Seconds by which an event loop's timer may fire early: without it the last report would not be sent."""
REPORT_SECONDS = 2.0
MAX_RECEIPTS = 10_000
"""Receipts that wait for the stream. Beyond that the oldest is dropped: control sends its job again."""


class ControlSender:
    """Sends receipts and reports. `link` returns the connected stream, `report` the edge's report (None: none)."""

    def __init__(
        self, clock: Clock, link: Callable[[], ControlConnection | None], report: Callable[[], Report | None]
    ) -> None:
        self._clock = clock
        self._link = link
        self._report = report
        self._receipts: deque[Receipt] = deque(maxlen=MAX_RECEIPTS)
        self._wake = asyncio.Event()

    def enqueue_receipt(self, receipt: Receipt) -> None:
        """Send a receipt, now or once the stream is connected again."""
        self._receipts.append(receipt)
        self._wake.set()

    def on_connected(self) -> None:
        """The stream is connected: send what waits."""
        self._wake.set()

    async def run(self) -> None:
        """Send receipts and reports until cancelled."""
        timer: Timer | None = None
        due = self._clock.mono()
        try:
            while True:
                await self._wake.wait()
                self._wake.clear()
                link = self._link()
                if link is None:
                    continue  # `on_connected` wakes this again
                try:
                    await self._send_receipts(link)
                    if due - self._clock.mono() > TIMER_SLACK:
                        continue
                    due = self._clock.mono() + REPORT_SECONDS
                    timer = self._clock.call_later(REPORT_SECONDS, self._wake.set)
                    if (report := self._report()) is not None:
                        await link.send(report)
                except UpstreamFailed:
                    continue  # the reader of this link notices as well
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
