"""The services' clock: the one place here that reads time."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from kernel.clock import Timer


class SystemClock:
    """The machine's clocks."""

    def wall(self) -> float:
        """Seconds since the Unix epoch."""
        return time.time()  # noqa: TID251 (this is the shell's clock)

    def mono(self) -> float:
        """Seconds on a clock that never jumps."""
        return time.monotonic()

    def call_later(self, delay: float, callback: Callable[[], object]) -> Timer:
        """Call back once after `delay` seconds, on the running loop."""
        return asyncio.get_running_loop().call_later(delay, callback)
