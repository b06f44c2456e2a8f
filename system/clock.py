"""The machine's clock, which every program passes on; tests pass their own. No other module reads it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from datetime import UTC, datetime

from kernel.clock import Clock, Timer


class SystemClock:
    """The `kernel.clock.Clock` of the machine and of the running event loop."""

    wall = staticmethod(time.time)  # noqa: TID251 (the one place that reads the wall clock)
    mono = staticmethod(time.monotonic)

    def call_later(self, delay: float, callback: Callable[[], object]) -> Timer:
        """Call back once after `delay` seconds, on the running loop."""
        return asyncio.get_running_loop().call_later(delay, callback)


async def sleep(clock: Clock, seconds: float) -> None:
    """Wait `seconds` on this clock, which a test can move; `asyncio.sleep` always waits in real time."""
    elapsed = asyncio.Event()
    timer = clock.call_later(seconds, elapsed.set)
    try:
        await elapsed.wait()
    finally:
        timer.cancel()


def utc_timestamp(seconds: float) -> str:
    """Seconds since the Unix epoch as ISO 8601 in UTC, to the second: `2026-01-31T12:00:00Z`."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
