"""What the edge says to control of itself: receipts of jobs as they come, and how it is every two seconds.

Nothing piles up: a report is made when it can be sent, and a stream that is stuck gets no further one.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

from edge.fleet.control_link import ControlConnection
from kernel.clock import Clock, Timer
from kernel.errors import UpstreamFailed
from kernel.fleet.messages import Receipt, Report

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
