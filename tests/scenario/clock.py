"""A clock that stands still until the test moves it; timers run in order of their time."""

from __future__ import annotations

import asyncio
import heapq
import itertools
from collections.abc import Callable


class FakeTimer:
    """A call still to come."""

    def __init__(self, callback: Callable[[], object]) -> None:
        self.callback: Callable[[], object] | None = callback

    def cancel(self) -> None:
        self.callback = None


class FakeClock:
    """`kernel.clock.Clock`; starts at a round moment of 2026."""

    def __init__(self) -> None:
        self.now = 1_000.0
        self.epoch = 1_790_000_000.0
        self._timers: list[tuple[float, int, FakeTimer]] = []
        self._order = itertools.count()

    def wall(self) -> float:
        return self.epoch + self.now

    def mono(self) -> float:
        return self.now

    def call_later(self, delay: float, callback: Callable[[], object]) -> FakeTimer:
        timer = FakeTimer(callback)
        heapq.heappush(self._timers, (self.now + delay, next(self._order), timer))
        return timer

    async def advance(self, seconds: float) -> None:
        """Move on; every timer that falls due runs at its own moment, and the loop gets a few turns after each."""
        goal = self.now + seconds
        while self._timers and self._timers[0][0] <= goal:
            due, _, timer = heapq.heappop(self._timers)
            self.now = max(self.now, due)
            callback, timer.callback = timer.callback, None
            if callback is not None:
                callback()
                await turns()
        self.now = goal
        await turns()


PATIENCE = 30.0
"""Seconds that something may take which threads and sockets of a busy machine have a part in."""


async def until(condition: Callable[[], object], what: str = "it never came to that") -> None:
    """Let everything run, threads too, until the condition holds."""
    try:
        async with asyncio.timeout(PATIENCE):
            while not condition():
                await asyncio.sleep(0)
    except TimeoutError:
        raise AssertionError(what) from None


async def turns(number: int = 5) -> None:
    """Let the loop run what is ready."""
    for _ in range(number):
        await asyncio.sleep(0)
