"""Time as it is passed in: nothing below the shells reads a clock.

Ages and waits are counted by `mono`, tokens and dates by `wall` (both in seconds).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, Protocol


class Instant(NamedTuple):
    """One moment on both clocks, in seconds."""

    wall: float
    mono: float


class Timer(Protocol):
    """A call that is still to come."""

    def cancel(self) -> None:
        """Forget the call; harmless when it has already run."""


class Clock(Protocol):
    """What a shell reads time from; tests move their own."""

    def wall(self) -> float:
        """Seconds since the Unix epoch."""

    def mono(self) -> float:
        """Seconds on a clock that never jumps."""

    def call_later(self, delay: float, callback: Callable[[], object]) -> Timer:
        """Call back once after `delay` seconds."""
