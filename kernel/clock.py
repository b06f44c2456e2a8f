"""Time is passed in: only `system.clock` reads the machine's clocks.

Ages and waits use `mono`, tokens and dates use `wall`; both are seconds.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, Protocol


class Instant(NamedTuple):
    """The same moment on both clocks, in seconds."""

    wall: float
    mono: float


class Timer(Protocol):
    """A scheduled call."""

    def cancel(self) -> None:
        """Cancel the call; no effect if it has already run."""


class Clock(Protocol):
    """A source of time; tests use one that they move."""

    def wall(self) -> float:
        """Seconds since the Unix epoch."""

    def mono(self) -> float:
        """Monotonic seconds."""

    def call_later(self, delay: float, callback: Callable[[], object]) -> Timer:
        """Call back once after `delay` seconds."""
