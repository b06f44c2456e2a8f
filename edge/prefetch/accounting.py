"""The cost and use of prefetching: useful, late and wasted bytes by title and cause; and the budget. Pure.

    started -> arrived -> requested    useful: it was cached when a viewer requested it
    started -> requested -> arrived    late: the viewer had to wait for the rest of it
    started -> arrived -> removed      wasted: evicted, or not requested within `WASTED_AFTER`

A cause that wastes much of what it fetches is throttled to the share that has been useful recently; a small share is
always allowed, so that the cause can recover. `PrefetchBudget` bounds background prefetches (hot lists and jobs) by
bandwidth, room on disk and time of day. It does not bound prefetches for a player: those are fetched anyway, a few
seconds early.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import tzinfo

from kernel.fleet.messages import Prefetched
from kernel.time_window import ALWAYS, Window

CAUSES = ("next", "cmcd", "hot", "job")
"""Why an object is prefetched: the next segment, the player's CMCD, control's hot list, an operator's job."""
MAX_WATCHED = 20_000
MAX_ROWS = 2_000
"""Titles and causes counted between two reports."""
WASTED_AFTER = 900.0
"""Seconds after which an object that nobody requested counts as wasted."""
GOOD_SHARE = 0.5
"""A cause is not throttled if at least this share of its bytes is useful."""
MIN_ALLOWED = 0.05
MIN_BYTES = 8 << 20
"""Decayed bytes below which a cause is not judged."""
HALF_LIFE = 300.0


@dataclass(slots=True)
class _Watched:
    title: str
    cause: str
    since: float
    size: int = 0
    arrived: bool = False
    asked: bool = False


@dataclass(slots=True)
class _Cause:
    """Decayed bytes as of `at`; `owed` accumulates the shares that throttling grants."""

    good: float = 0.0
    bad: float = 0.0
    at: float = 0.0
    owed: float = 1.0

    def fade(self, now: float) -> None:
        """Decay the sums to `now`."""
        factor = 0.5 ** ((now - self.at) / HALF_LIFE)
        self.good, self.bad, self.at = self.good * factor, self.bad * factor, now


WatchedObject = tuple[bytes, int | None]
"""An object's cache key, and the first byte of its part; None: the whole object."""


class PrefetchAccounting:
    """See the module. When too many objects are watched, the oldest counts as wasted."""

    def __init__(self) -> None:
        self.watched: OrderedDict[WatchedObject, _Watched] = OrderedDict()
        """Prefetched objects not requested yet."""
        self._rows: dict[tuple[str, str], list[int]] = {}
        self.totals = {"useful": 0, "late": 0, "wasted": 0}
        self._causes = {cause: _Cause() for cause in CAUSES}

    def try_admit(self, cause: str, now: float) -> bool:
        """Whether to fetch one more object for this cause. Call it once per object."""
        held = self._causes[cause]
        held.owed += self.granted_share(cause, now)
        if held.owed < 1.0:
            return False
        held.owed -= 1.0
        return True

    def granted_share(self, cause: str, now: float) -> float:
        """The share of its prefetches that a cause is granted; 1 if it is not throttled."""
        held = self._causes[cause]
        held.fade(now)
        total = held.good + held.bad
        if total < MIN_BYTES or held.good >= GOOD_SHARE * total:
            return 1.0
        return max(MIN_ALLOWED, held.good / total)

    def on_started(self, key: WatchedObject, title: str, cause: str, now: float) -> None:
        """A prefetch of this object starts."""
        if key in self.watched:
            return
        self.watched[key] = _Watched(title, cause, now)
        if len(self.watched) > MAX_WATCHED:
            self._count(self.watched.popitem(last=False)[1], "wasted", now)

    def on_arrived(self, key: WatchedObject, size: int, now: float) -> None:
        """The object is complete. Unknown keys are ignored, here and below."""
        held = self.watched.get(key)
        if held is None:
            return
        held.size, held.arrived = size, True
        if held.asked:
            self._settle(key, "late", now)

    def on_requested(self, key: WatchedObject, now: float) -> None:
        """A viewer requests the object."""
        held = self.watched.get(key)
        if held is None:
            return
        held.asked = True
        if held.arrived:
            self._settle(key, "useful", now)

    def on_failed(self, key: WatchedObject) -> None:
        """The prefetch failed: nothing is counted."""
        self.watched.pop(key, None)

    def on_removed(self, key: WatchedObject, now: float) -> None:
        """The object left the cache. If it has not arrived, an older one of its key is being replaced: not counted."""
        held = self.watched.get(key)
        if held is not None and held.arrived:
            self._settle(key, "wasted", now)

    def settle_overdue(self, now: float) -> None:
        """Count objects that nobody has requested for too long. Call it periodically."""
        while self.watched:
            key, held = next(iter(self.watched.items()))
            if now - held.since < WASTED_AFTER:
                return
            self._count(self.watched.pop(key), "wasted", now)

    def report(self) -> tuple[Prefetched, ...]:
        """What was counted since the last report."""
        rows, self._rows = self._rows, {}
        return tuple(_rows(rows))

    def _settle(self, key: WatchedObject, how: str, now: float) -> None:
        self._count(self.watched.pop(key), how, now)

    def _count(self, held: _Watched, how: str, now: float) -> None:
        cause = self._causes[held.cause]
        cause.fade(now)
        if how == "wasted":
            cause.bad += held.size
        else:
            cause.good += held.size
        name = (held.title, held.cause)
        if name not in self._rows and len(self._rows) >= MAX_ROWS:
            name = ("", held.cause)
        row = self._rows.setdefault(name, [0, 0, 0])
        row[("useful", "late", "wasted").index(how)] += held.size
        self.totals[how] += held.size


def _rows(rows: dict[tuple[str, str], list[int]]) -> Iterator[Prefetched]:
    for (title, cause), (useful, late, wasted) in rows.items():
        yield Prefetched(title, cause, useful, late, wasted)


BURST_SECONDS = 2.0
"""Seconds of the rate that may be used at once after a pause."""
WINDOW_RECHECK_SECONDS = 60.0
"""Seconds after which a closed window is checked again."""


class PrefetchBudget:
    """`rate` in bytes per second (0: no limit); `room` in bytes that may be cached at a time."""

    def __init__(self, rate: int, room: int, window: Window = ALWAYS, zone: tzinfo | None = None) -> None:
        self.rate, self.room = rate, room
        self.window, self.zone = window, zone
        self.bytes_cached = 0
        self._sizes: dict[bytes, int] = {}
        self._left = rate * BURST_SECONDS
        self._at = 0.0

    def seconds_to_wait(self, mono: float, wall: float, *, urgent: bool) -> float:
        """Seconds until one more object may be fetched; 0: now. `urgent` ignores the window."""
        if not urgent and not self.window.holds(wall, self.zone):
            return WINDOW_RECHECK_SECONDS
        if self.rate == 0:
            return 0.0
        self._left = min(self._left + (mono - self._at) * self.rate, self.rate * BURST_SECONDS)
        self._at = mono
        return -self._left / self.rate if self._left <= -1.0 else 0.0

    @property
    def is_full(self) -> bool:
        """Whether the prefetched bytes still cached use up the room."""
        return self.bytes_cached >= self.room

    def on_fetched(self, key: bytes, size: int) -> None:
        """An object was fetched: it counts against the rate, and against the room while it stays cached."""
        self._left -= size
        self.bytes_cached += size - self._sizes.get(key, 0)
        self._sizes[key] = size

    def on_removed(self, key: bytes) -> None:
        """The object left the cache; unknown keys are ignored."""
        self.bytes_cached -= self._sizes.pop(key, 0)
