"""How often a request may be sent once more: a share of the requests, beside a few a second. Pure: time comes in.

When everything fails, retries do not multiply what an upstream in trouble is asked.
"""

from __future__ import annotations

SHARE = 0.2
A_SECOND = 2.0
MOST = 20.0
AT_FIRST = 10.0


class RetryBudget:
    """A bucket that each request and each second fill a little, and each retry empties by one."""

    def __init__(self, now: float) -> None:
        self._left = AT_FIRST
        self._at = now
        self.refused = 0

    def earn(self, now: float) -> None:
        """A request comes."""
        self._left = min(MOST, self._left + SHARE + max(0.0, now - self._at) * A_SECOND)
        self._at = now

    def try_spend(self) -> bool:
        """Whether one more retry may be made."""
        if self._left < 1.0:
            self.refused += 1
            return False
        self._left -= 1.0
        return True
