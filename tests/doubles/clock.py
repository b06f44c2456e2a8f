"""A clock that stands still until the test moves it; timers run in order of their time."""

from __future__ import annotations

import asyncio
import heapq
import itertools
from collections.abc import Callable, Iterator


class FakeTimer:
    """A call still to come."""

    def __init__(self, callback: Callable[[], object]) -> None:
        self.callback: Callable[[], object] | None = callback

    def cancel(self) -> None:
        self.callback = None


class FakeClock:
    """`kernel.clock.Clock`; starts at 2027-01-15T08:00:00Z. `epoch` is the wall time at which `now`, its mono, is 0.

    `real_timers`: calls run by the loop's own time, for programs whose pauses are no part of the test.
    """

    def __init__(self, wall: float = 1_800_000_000.0, *, real_timers: bool = False) -> None:
        self.now = 1_000.0
        self.epoch = wall - self.now
        self._real_timers = real_timers
        self._timers: list[tuple[float, int, FakeTimer]] = []
        self._order = itertools.count()

    def wall(self) -> float:
        return self.epoch + self.now

    def mono(self) -> float:
        return self.now

    def call_later(self, delay: float, callback: Callable[[], object]) -> FakeTimer | asyncio.TimerHandle:
        if self._real_timers:
            return asyncio.get_running_loop().call_later(delay, callback)
        timer = FakeTimer(callback)
        heapq.heappush(self._timers, (self.now + delay, next(self._order), timer))
        return timer

    @property
    def waiting(self) -> int:
        """Calls that are still to come."""
        return sum(timer.callback is not None for _, _, timer in self._timers)

    async def advance(self, seconds: float) -> None:
        """Move on; every timer that falls due runs at its own moment, and the loop gets a few turns after each."""
        for callback in self._until(self.now + seconds):
            callback()
            await turns()
        await turns()

    def move(self, seconds: float) -> None:
        """As `advance`, at one go: nothing else runs between the timers."""
        for callback in self._until(self.now + seconds):
            callback()

    def _until(self, goal: float) -> Iterator[Callable[[], object]]:
        while self._timers and self._timers[0][0] <= goal:
            due, _, timer = heapq.heappop(self._timers)
            self.now = max(self.now, due)
            callback, timer.callback = timer.callback, None
            if callback is not None:
                yield callback
        self.now = goal


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
