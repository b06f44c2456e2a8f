"""How often upstream is asked again for the bytes of one object, and how long one viewer waits for them.

An upstream that answers with crumbs, or breaks off again and again, is not asked without end: a few retries in a row
may bring nothing, and in all the bytes received must pay for the retries.
"""

from __future__ import annotations

from collections.abc import Callable

from kernel.clock import Clock, Timer

MAX_EMPTY_RETRIES = 2
"""Retries in a row that may bring nothing."""
FREE_RETRIES = 8.0
BYTES_PER_RETRY = 64 * 1024
"""Bytes that pay for one more retry: the smallest slice."""
MAX_CREDIT = 64.0


class RetryLimit:
    """The retries of one fetch, or of one viewer's response."""

    __slots__ = ("_credit", "_empty")

    def __init__(self) -> None:
        self._credit = FREE_RETRIES
        self._empty = 0

    def count_bytes(self, count: int) -> None:
        """Credit `count` received bytes."""
        if count:
            self._empty = 0
            self._credit = min(MAX_CREDIT, self._credit + count / BYTES_PER_RETRY)

    def begin_retry(self) -> bool:
        """Count one more retry; False when there have been enough."""
        self._empty += 1
        self._credit -= 1.0
        return self._empty <= MAX_EMPTY_RETRIES and self._credit >= 0.0


class WaitDeadline:
    """Bounds the seconds that one viewer waits for the next bytes, over all fetches together.

    `on_expired` is called `max_wait` seconds after `start`, once `extend` has been called.
    """

    __slots__ = ("_clock", "_max_wait", "_on_expired", "_since", "_timer")

    def __init__(self, clock: Clock, max_wait: float, on_expired: Callable[[], object]) -> None:
        self._clock, self._max_wait, self._on_expired = clock, max_wait, on_expired
        self._since: float | None = None
        self._timer: Timer | None = None

    def start(self) -> None:
        """Count from now, unless the wait is running."""
        if self._since is None:
            self._since = self._clock.mono()

    def extend(self) -> None:
        """Arm the timer: the awaited fetch is late and another follows. The time already waited counts."""
        if self._timer is None and self._since is not None:
            left = self._since + self._max_wait - self._clock.mono()
            self._timer = self._clock.call_later(max(0.0, left), self._on_expired)

    def cancel(self) -> None:
        """End the wait: bytes came, or the viewer left."""
        self._since = None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
