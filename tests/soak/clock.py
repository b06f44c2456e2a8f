"""The soak's own time: seconds since it began, and the wall's."""

from __future__ import annotations

from system.clock import SystemClock


class Now:
    """`now()`: monotonic seconds since the start; `now.wall()`: seconds since the epoch."""

    def __init__(self) -> None:
        self._clock = SystemClock()
        self._began = self._clock.mono()

    def __call__(self) -> float:
        return self._clock.mono() - self._began

    def wall(self) -> float:
        return self._clock.wall()
