"""Rate limits for log lines: a burst of each kind, then one line now and then, with the number of suppressed ones.
Pure.

Clients can cause thousands of log lines a second, which would fill a disk. Each kind of line (its event and exception
type) has a budget, and all kinds together have one.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable, MutableMapping
from typing import Any

from structlog import DropEvent

BURST = 20
"""Lines of one kind that are written as they come."""
SECONDS_A_LINE = 10.0
"""After the burst one line of the kind is written in this many seconds."""
BURST_OF_ALL = 400
LINES_A_SECOND_OF_ALL = 20.0
"""The same for all kinds together, so that ever new kinds gain nothing."""
MAX_KINDS = 256
"""Kinds remembered; the one that was silent for longest is forgotten."""
MAX_TRACEBACK = 8 * 1024
"""Characters of a traceback; the middle of a longer one is left out."""


class _Budget:
    """A bucket of lines that fills with time."""

    __slots__ = ("_at", "_capacity", "_left", "_rate", "left_out")

    def __init__(self, most: float, rate: float, now: float) -> None:
        self._left = self._capacity = most
        self._rate = rate
        self._at = now
        self.left_out = 0

    def try_spend(self, now: float) -> bool:
        self._left = min(self._capacity, self._left + max(0.0, now - self._at) * self._rate)
        self._at = now
        if self._left < 1:
            return False
        self._left -= 1
        return True


class LogRate:
    """Decides for each line whether it is written; `now` is mono seconds."""

    def __init__(self) -> None:
        self._kinds: OrderedDict[Hashable, _Budget] = OrderedDict()
        self._all: _Budget | None = None
        self.left_out = 0
        """Lines left out in all."""

    def admit(self, kind: Hashable, now: float) -> int | None:
        """How many lines of this kind were left out since the last that was written; None: this one is left out too."""
        if self._all is None:
            self._all = _Budget(BURST_OF_ALL, LINES_A_SECOND_OF_ALL, now)
        budget = self._kinds.get(kind)
        if budget is None:
            budget = self._kinds[kind] = _Budget(BURST, 1 / SECONDS_A_LINE, now)
            if len(self._kinds) > MAX_KINDS:
                self._kinds.popitem(last=False)
        self._kinds.move_to_end(kind)
        if not budget.try_spend(now) or not self._all.try_spend(now):
            budget.left_out += 1
            self.left_out += 1
            return None
        left_out, budget.left_out = budget.left_out, 0
        return left_out


def rate_limit(rate: LogRate, mono: Callable[[], float]) -> Callable[[Any, str, MutableMapping[str, Any]], Any]:
    """A structlog processor that drops lines beyond the rate and adds their number to the next line (`left_out`).

    Place it before the processor that formats tracebacks, so that dropped lines cost nothing.
    """

    def limit(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        left_out = rate.admit((event.get("event"), type(_error_of(event.get("exc_info"))).__name__), mono())
        if left_out is None:
            raise DropEvent
        if left_out:
            event["left_out"] = left_out
        return event

    return limit


def bound_traceback(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """A structlog processor that shortens a formatted traceback; place it after the one that formats it."""
    text = event.get("exception")
    if isinstance(text, str) and len(text) > MAX_TRACEBACK:
        half = MAX_TRACEBACK // 2
        event["exception"] = f"{text[:half]}\n… {len(text) - 2 * half} characters …\n{text[-half:]}"
    return event


def _error_of(told: object) -> object:
    return told[1] if isinstance(told, tuple) and len(told) == 3 else told
