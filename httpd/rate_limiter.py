"""How often one name may do something: a token bucket each. Pure, time is passed in."""

from __future__ import annotations

from cachetools import LRUCache

MAX_NAMES = 10_000


class RateLimiter:
    """`per_second` in the long run, `burst` at once."""

    def __init__(self, per_second: float, burst: float) -> None:
        self.per_second = per_second
        self.burst = burst
        self._spent: LRUCache[str, tuple[float, float]] = LRUCache(MAX_NAMES)

    def seconds_to_wait(self, name: str, now: float) -> float:
        """0.0, and it is counted; else the seconds after which to try again. `now` in seconds that only grow."""
        spent, since = self._spent.get(name, (0.0, now))
        spent = max(0.0, spent - (now - since) * self.per_second)
        allowed = spent + 1 <= self.burst
        self._spent[name] = (spent + 1 if allowed else spent, now)
        return 0.0 if allowed else (spent + 1 - self.burst) / self.per_second
