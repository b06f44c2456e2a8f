"""What prefetching without a player behind it may cost: bandwidth, room on disk, and the time of day. Pure.

It holds for hot lists and jobs. What a player is about to ask for waits for none of this: it is fetched in any case, a
few seconds earlier.
"""

from __future__ import annotations

from datetime import tzinfo

from kernel.time_window import ALWAYS, Window

BURST_SECONDS = 2.0
"""So much of the rate may be used at once after a pause."""
LATEST = 60.0
"""Seconds after which a closed window is looked at again."""


class Budget:
    """`rate` in bytes a second (0: no limit), `room` in bytes that may lie in the cache at a time."""

    def __init__(self, rate: int, room: int, window: Window = ALWAYS, zone: tzinfo | None = None) -> None:
        self.rate, self.room = rate, room
        self.window, self.zone = window, zone
        self.held = 0
        self._sizes: dict[bytes, int] = {}
        self._left = rate * BURST_SECONDS
        self._at = 0.0

    def wait(self, mono: float, wall: float, *, urgent: bool) -> float:
        """Seconds until one more object may be fetched, 0 for now. `urgent` does not wait for the window."""
        if not urgent and not self.window.holds(wall, self.zone):
            return LATEST
        if self.rate == 0:
            return 0.0
        self._left = min(self._left + (mono - self._at) * self.rate, self.rate * BURST_SECONDS)
        self._at = mono
        return -self._left / self.rate if self._left <= -1.0 else 0.0

    @property
    def full(self) -> bool:
        """Whether what was brought and still lies here is all that may."""
        return self.held >= self.room

    def brought(self, key: bytes, size: int) -> None:
        """An object came: it counts against the rate, and against the room for as long as it stays."""
        self._left -= size
        self.held += size - self._sizes.get(key, 0)
        self._sizes[key] = size

    def gone(self, key: bytes) -> None:
        """It left the cache; unknown keys are passed over."""
        self.held -= self._sizes.pop(key, 0)
