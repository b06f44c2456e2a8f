"""Log events that clients can cause in large numbers: one line every `INTERVAL_SECONDS`, with a count. Pure."""

from __future__ import annotations

from collections.abc import Callable

INTERVAL_SECONDS = 10.0


class RateLimitedLog:
    """Calls `write(event, suppressed)` at most once in `INTERVAL_SECONDS` for each event."""

    def __init__(self, now: Callable[[], float], write: Callable[[str, int], object]) -> None:
        self._now = now
        self._write = write
        self._written_at: dict[str, float] = {}
        self._suppressed: dict[str, int] = {}

    def log(self, event: str) -> None:
        """Log an event, or count it as suppressed; `event` must be from a fixed set."""
        now = self._now()
        if now - self._written_at.get(event, float("-inf")) < INTERVAL_SECONDS:
            self._suppressed[event] = self._suppressed.get(event, 0) + 1
            return
        self._written_at[event] = now
        self._write(event, self._suppressed.pop(event, 0))
