"""Temporary ejection of failing upstreams. Pure.

Five failures in a row eject an upstream, for 30 s times its recent ejections, at most 300 s. After that one request
probes it (half-open); if that succeeds, its share of the keys grows back within half a minute. One observer must never
empty the pool: of the upstreams that answer badly at most a tenth, or one, are out, and if fewer than half of all were
left, the ejections are ignored. Upstreams that cannot be connected to are skipped without such a limit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

EJECT_AFTER = 5
EJECT_SECONDS = 30.0
MAX_EJECT_SECONDS = 300.0
MAX_EJECTED = 0.1
PANIC_BELOW = 0.5
SLOW_START_SECONDS = 30.0
MIN_SLOW_START = 0.1
PROBE_SECONDS = 60.0
"""Seconds after which a probe without a result is forgotten."""


class Failure(Enum):
    """How an upstream failed: no connection, or a connection without a proper response."""

    UNREACHABLE = "unreachable"
    ANSWER = "answer"


@dataclass(slots=True)
class Health:
    """How one upstream has been doing; times are mono seconds. `out` until `until` and until a probe was answered."""

    failures: int = 0
    ejections: int = 0
    out: Failure | None = None
    until: float = 0.0
    probing_since: float | None = None
    returned: float | None = None

    def share(self, now: float) -> float:
        """The share of its weight in use: 1, or less shortly after it returned."""
        if self.returned is None or now >= self.returned + SLOW_START_SECONDS:
            return 1.0
        return max(MIN_SLOW_START, (now - self.returned) / SLOW_START_SECONDS)

    def awaits_probe(self, now: float) -> bool:
        """Whether one request may try it now."""
        if self.out is None or now < self.until:
            return False
        return self.probing_since is None or now >= self.probing_since + PROBE_SECONDS

    def probe(self, now: float) -> None:
        """A request tries it."""
        self.probing_since = now

    def told_nothing(self) -> None:
        """The probe was cancelled: another request may probe."""
        self.probing_since = None

    def succeeded(self, now: float) -> bool:
        """It answered properly; True when it comes back by that."""
        self.failures = 0
        back = self.out is not None
        if back:
            self.out = self.probing_since = None
            self.returned = now
        return back

    def failed(self, how: Failure, now: float, *, may_leave: bool) -> bool:
        """It failed; True when it is ejected by that. `may_leave`: the pool can spare it."""
        self.failures += 1
        if self.out is not None:
            if self.probing_since is None:
                return False  # asked though out, for want of a better one: that neither helps nor harms it
        elif self.failures < EJECT_AFTER or (how is Failure.ANSWER and not may_leave):
            return False
        elif self.returned is not None:  # a time without trouble counts against its earlier ejections
            self.ejections = max(0, self.ejections - int((now - self.returned) / EJECT_SECONDS))
        self.failures = 0
        self.ejections += 1
        self.out, self.probing_since = how, None
        self.until = now + min(MAX_EJECT_SECONDS, EJECT_SECONDS * self.ejections)
        return True


def may_leave(pool: Sequence[Health]) -> bool:
    """Whether one more that answers badly may be left out."""
    out = sum(1 for health in pool if health.out is not None)
    return out + 1 <= max(1, int(len(pool) * MAX_EJECTED))


def usable(pool: Sequence[Health], now: float) -> list[bool]:
    """The upstreams to use: those that are in or may be probed; all reachable ones if those are too few."""
    first = [health.out is None or health.awaits_probe(now) for health in pool]
    if sum(health.out is None for health in pool) < PANIC_BELOW * len(pool):
        first = [taken or health.out is Failure.ANSWER for taken, health in zip(first, pool, strict=True)]
    return first if any(first) else [True] * len(pool)
