"""What is remembered of upstream's answers about one key: revalidations that failed, validators that change. Pure.

After a failed revalidation the stale object is served at once where it may stand in for an error (RFC 5861 §4), and is
revalidated in the background at growing intervals: an upstream in trouble is not asked for each viewer, and one that
recovers is noticed within `MAX_PAUSE`.

Parts of an object whose validator keeps changing cannot be combined (RFC 9110 §15.3.7.3): two backends disagree, or
make a new ETag for each response. For a while such an object is fetched whole, in one stream. One change is a new
version; a second one soon after, or a validator that comes back, is proof.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import NamedTuple

FIRST_PAUSE = 1.0
MAX_PAUSE = 30.0
"""Seconds. Each pause is twice the one before, less up to half of it by chance."""
MAX_DOUBLINGS = 5
REMEMBERED_SECONDS = 30.0
"""How long a failure counts after its pause; then a viewer waits for an answer again."""
CHANGE_WINDOW_SECONDS = 300.0
"""A second change within this time is not a new version."""
UNSTEADY_SECONDS = 600.0
MAX_REMEMBERED = 10_000
"""Keys remembered for either reason; beyond it the oldest is forgotten."""


class _Failure(NamedTuple):
    times: int
    until: float


class RevalidationBackoff:
    """Cache key -> how often in a row revalidation failed, and until when nobody asks. Times are mono seconds."""

    __slots__ = ("_failures",)

    def __init__(self) -> None:
        self._failures: OrderedDict[bytes, _Failure] = OrderedDict()

    def __len__(self) -> int:
        return len(self._failures)

    def record_failure(self, key: bytes, now: float, chance: float) -> None:
        """Count a failed revalidation and begin the next pause; `chance` is from 0 to 1."""
        before = self._failures.get(key)
        times = before.times + 1 if before is not None and self.has_failed_lately(key, now) else 1
        pause = min(MAX_PAUSE, FIRST_PAUSE * 2.0 ** min(times - 1, MAX_DOUBLINGS)) * (1.0 - chance / 2.0)
        self._failures[key] = _Failure(times, now + pause)
        self._failures.move_to_end(key)
        if len(self._failures) > MAX_REMEMBERED:
            self._failures.popitem(last=False)

    def record_success(self, key: bytes) -> None:
        """Forget earlier failures: an answer came."""
        self._failures.pop(key, None)

    def has_failed_lately(self, key: bytes, now: float) -> bool:
        """Whether the last revalidation failed, not long ago."""
        failure = self._failures.get(key)
        return failure is not None and now < failure.until + REMEMBERED_SECONDS

    def is_paused(self, key: bytes, now: float) -> bool:
        """Whether upstream is not asked now."""
        failure = self._failures.get(key)
        return failure is not None and now < failure.until


class _Change(NamedTuple):
    changed: float
    until: float


class UnsteadyObjects:
    """Cache key -> when its validator changed last, and until when it counts as unsteady. Times are mono seconds."""

    __slots__ = ("_changes",)

    def __init__(self) -> None:
        self._changes: OrderedDict[bytes, _Change] = OrderedDict()

    def __len__(self) -> int:
        return len(self._changes)

    def is_unsteady(self, key: bytes, now: float) -> bool:
        """Whether this object must be fetched whole, in one stream."""
        change = self._changes.get(key)
        return change is not None and now < change.until

    def record_change(self, key: bytes, now: float) -> bool:
        """Note a validator other than the stored one; whether the object is unsteady now."""
        change = self._changes.get(key)
        unsteady = change is not None and now < max(change.changed + CHANGE_WINDOW_SECONDS, change.until)
        self._remember(key, _Change(now, now + UNSTEADY_SECONDS if unsteady else 0.0))
        return unsteady

    def mark_unsteady(self, key: bytes, now: float) -> None:
        """Note proof: a validator came back, or each answer has one of its own."""
        self._remember(key, _Change(now, now + UNSTEADY_SECONDS))

    def _remember(self, key: bytes, change: _Change) -> None:
        self._changes[key] = change
        self._changes.move_to_end(key)
        if len(self._changes) > MAX_REMEMBERED:
            self._changes.popitem(last=False)
