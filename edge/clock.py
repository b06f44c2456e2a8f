"""The edge's real clock; tests pass their own."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from kernel.clock import Timer


class SystemClock:
    """`kernel.clock.Clock` of the machine and the running loop."""

    wall = staticmethod(time.time)  # noqa: TID251 (the one place of the edge that reads the wall clock)
    mono = staticmethod(time.monotonic)

    def call_later(self, delay: float, callback: Callable[[], object]) -> Timer:
        """By the running loop."""
        return asyncio.get_running_loop().call_later(delay, callback)
