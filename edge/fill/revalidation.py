"""When upstream is asked again for news of a stale object after it failed to give any. Pure: time and chance come in.

While that lasts the stale object is served at once where it may stand in for an error (RFC 5861 §4), and news of it is
asked for behind the viewers' backs, by ever longer pauses, so that an upstream in trouble is not asked for each of them
and a healthy one is heard of within `MAX_PAUSE`.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import NamedTuple

FIRST_PAUSE = 1.0
MAX_PAUSE = 30.0
"""Seconds. Each pause is twice the one before, less up to half of it by chance."""
MAX_DOUBLINGS = 5
REMEMBERED_SECONDS = 30.0
"""How long after its pause a failure counts: then a viewer waits for an answer again."""
MAX_REMEMBERED = 10_000


class _Failed(NamedTuple):
    times: int
    until: float


class RevalidationBackoff:
    """Cache key -> how often in a row asking failed, and until when nobody asks; times are mono seconds. Bounded: what
    failed longest ago is forgotten."""

    __slots__ = ("_failed",)

    def __init__(self) -> None:
        self._failed: OrderedDict[bytes, _Failed] = OrderedDict()

    def __len__(self) -> int:
        return len(self._failed)

    def fail(self, key: bytes, now: float, chance: float) -> None:
        """Asking has failed; `chance` is from 0 to 1."""
        before = self._failed.get(key)
        times = before.times + 1 if before is not None and self.failing(key, now) else 1
        pause = min(MAX_PAUSE, FIRST_PAUSE * 2.0 ** min(times - 1, MAX_DOUBLINGS)) * (1.0 - chance / 2.0)
        self._failed[key] = _Failed(times, now + pause)
        self._failed.move_to_end(key)
        if len(self._failed) > MAX_REMEMBERED:
            self._failed.popitem(last=False)

    def succeed(self, key: bytes) -> None:
        """An answer came."""
        self._failed.pop(key, None)

    def failing(self, key: bytes, now: float) -> bool:
        """Whether asking failed the last time, and not long ago."""
        failed = self._failed.get(key)
        return failed is not None and now < failed.until + REMEMBERED_SECONDS

    def pauses(self, key: bytes, now: float) -> bool:
        """Whether nobody asks now."""
        failed = self._failed.get(key)
        return failed is not None and now < failed.until
