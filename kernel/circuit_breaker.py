"""A circuit breaker: after repeated failures, requests fail at once instead of waiting. Pure.

Closed: requests pass. Open: none pass for `open_seconds`. Then one request is a probe: its success closes the breaker,
its failure opens it again.
"""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class CircuitBreaker:
    """The state of one thing that may fail. `failures` in a row open it; times are monotonic seconds."""

    failures: int = 5
    open_seconds: float = 10.0
    _failed: int = field(default=0, init=False)
    _next_probe: float = field(default=0.0, init=False)
    """When the next probe may pass; meaningful once `failures` is reached."""

    def allows(self, now: float) -> bool:
        """Whether a request may be sent now. A request that was allowed must report its outcome."""
        if self._failed < self.failures:
            return True
        if now < self._next_probe:
            return False
        self._next_probe = now + self.open_seconds  # one probe: the others wait for its outcome
        return True

    def record_success(self) -> None:
        """It answered."""
        self._failed = 0

    def record_failure(self, now: float) -> bool:
        """It failed; True if this opened the breaker."""
        self._failed += 1
        self._next_probe = now + self.open_seconds
        return self._failed == self.failures

    def is_open(self, now: float) -> bool:
        """Whether requests fail at once."""
        return self._failed >= self.failures and now < self._next_probe
