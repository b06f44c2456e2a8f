"""The machine's clock, which every program passes on; tests pass their own."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from kernel.clock import Clock, Timer


class SystemClock:
    """`kernel.clock.Clock` of the machine and the running loop."""

    wall = staticmethod(time.time)  # noqa: TID251 (the one place that reads the wall clock)
    mono = staticmethod(time.monotonic)

    def call_later(self, delay: float, callback: Callable[[], object]) -> Timer:
        """By the running loop."""
        return asyncio.get_running_loop().call_later(delay, callback)


async def sleep(clock: Clock, seconds: float) -> None:
    """Wait `seconds` of this clock, which a test can move; `asyncio.sleep` waits by the loop's own."""
    over = asyncio.Event()
    timer = clock.call_later(seconds, over.set)
    try:
        await over.wait()
    finally:
        timer.cancel()
