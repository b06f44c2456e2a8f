"""How often upstream may be asked again for one purpose. Pure.

A few times in a row without a byte, and in all no more often than the bytes that came pay for: an upstream that answers
with crumbs, or breaks off again and again, is not asked without end.
"""

from __future__ import annotations

MAX_IDLE_ROUNDS = 2
"""Rounds in a row that may bring nothing."""
FREE_ROUNDS = 8.0
BYTES_PER_ROUND = 64 * 1024
"""Bytes that pay for one further round: the least that a slice holds."""
MAX_CREDIT = 64.0


class Rounds:
    """The rounds of one run, or of one viewer's way over slices."""

    __slots__ = ("_credit", "_idle")

    def __init__(self) -> None:
        self._credit = FREE_ROUNDS
        self._idle = 0

    def earn(self, count: int) -> None:
        """So many bytes came."""
        if count:
            self._idle = 0
            self._credit = min(MAX_CREDIT, self._credit + count / BYTES_PER_ROUND)

    def take(self) -> bool:
        """Begin another round; False when there have been enough."""
        self._idle += 1
        self._credit -= 1.0
        return self._idle <= MAX_IDLE_ROUNDS and self._credit >= 0.0
