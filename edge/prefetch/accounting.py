"""What prefetching costs and whether it pays off: useful, late and wasted bytes by title and cause; and the budget.

    started -> arrived -> requested    useful: it was cached when a viewer asked for it
    started -> requested -> arrived    late: the viewer had to wait for the rest of it
    started -> arrived -> removed      wasted: it was evicted, or nobody asked for it within `WASTED_AFTER`

A cause that wastes much of what it fetches is throttled to the share that has been useful recently; a small share is
always allowed, so that the cause can recover. `Budget` bounds background prefetches (hot lists and jobs) by bandwidth,
room on disk and time of day; prefetches for a player are not held to it: they are fetched anyway, a few seconds early.
Pure: time is passed in.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import tzinfo

from kernel.fleet.messages import Prefetched
from kernel.time_window import ALWAYS, Window

CAUSES = ("next", "cmcd", "hot", "job")
"""Why something is prefetched: the next segment, the player's word, control's hot list, an operator's job."""
MAX_WATCHED = 20_000
MAX_ROWS = 2_000
"""Titles and causes counted between two reports."""
WASTED_AFTER = 900.0
"""Seconds: what was not asked for by then is counted as wasted, and watched no more."""
GOOD_SHARE = 0.5
"""A cause of whose bytes at least this share is of use is not throttled."""
MIN_ALLOWED = 0.05
MIN_BYTES = 8 << 20
"""Less than this, faded, says nothing of a cause."""
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
    """Faded bytes, as of `at`; `owed` collects the shares that throttling allows."""

    good: float = 0.0
    bad: float = 0.0
    at: float = 0.0
    owed: float = 1.0

    def fade(self, now: float) -> None:
        """Bring the sums to `now`."""
        factor = 0.5 ** ((now - self.at) / HALF_LIFE)
        self.good, self.bad, self.at = self.good * factor, self.bad * factor, now


class PrefetchAccounting:
    """See the module. Keys are cache keys; bounded, the oldest is settled as wasted when too many are watched."""

    def __init__(self) -> None:
        self._watched: OrderedDict[bytes, _Watched] = OrderedDict()
        self._rows: dict[tuple[str, str], list[int]] = {}
        self.totals = {"useful": 0, "late": 0, "wasted": 0}
        self._causes = {cause: _Cause() for cause in CAUSES}

    def __contains__(self, key: object) -> bool:
        return key in self._watched

    def __len__(self) -> int:
        return len(self._watched)

    def allows(self, cause: str, now: float) -> bool:
        """Whether one more object may be fetched for this cause: asked once an object."""
        held = self._causes[cause]
        held.owed += self.share(cause, now)
        if held.owed < 1.0:
            return False
        held.owed -= 1.0
        return True

    def share(self, cause: str, now: float) -> float:
        """The share of its wishes that a cause is granted, 1 when it is not throttled."""
        held = self._causes[cause]
        held.fade(now)
        total = held.good + held.bad
        if total < MIN_BYTES or held.good >= GOOD_SHARE * total:
            return 1.0
        return max(MIN_ALLOWED, held.good / total)

    def begun(self, key: bytes, title: str, cause: str, now: float) -> None:
        """An object is being fetched that nobody asked for."""
        if key in self._watched:
            return
        self._watched[key] = _Watched(title, cause, now)
        if len(self._watched) > MAX_WATCHED:
            self._count(self._watched.popitem(last=False)[1], "wasted", now)

    def arrived(self, key: bytes, size: int, now: float) -> None:
        """All its bytes are here. Unknown keys are passed over, as in all that follows."""
        held = self._watched.get(key)
        if held is None:
            return
        held.size, held.arrived = size, True
        if held.asked:
            self._settle(key, "late", now)

    def asked(self, key: bytes, now: float) -> None:
        """A viewer asks for it."""
        held = self._watched.get(key)
        if held is None:
            return
        held.asked = True
        if held.arrived:
            self._settle(key, "useful", now)

    def failed(self, key: bytes) -> None:
        """The fetch brought nothing: nothing is counted."""
        self._watched.pop(key, None)

    def gone(self, key: bytes, now: float) -> None:
        """It left the cache; what it replaced, before it has arrived, does not count."""
        held = self._watched.get(key)
        if held is not None and held.arrived:
            self._settle(key, "wasted", now)

    def look(self, now: float) -> None:
        """Settle what has waited too long; called now and then."""
        while self._watched:
            key, held = next(iter(self._watched.items()))
            if now - held.since < WASTED_AFTER:
                return
            self._count(self._watched.pop(key), "wasted", now)

    def report(self) -> tuple[Prefetched, ...]:
        """What was counted since the last report."""
        rows, self._rows = self._rows, {}
        return tuple(_rows(rows))

    def _settle(self, key: bytes, how: str, now: float) -> None:
        self._count(self._watched.pop(key), how, now)

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
"""So much of the rate may be used at once after a pause."""
WINDOW_RECHECK_SECONDS = 60.0
"""Seconds after which a closed window is looked at again."""


class Budget:
    """`rate` in bytes a second (0: no limit), `room` in bytes that may lie in the cache at a time."""

    def __init__(self, rate: int, room: int, window: Window = ALWAYS, zone: tzinfo | None = None) -> None:
        self.rate, self.room = rate, room
        self.window, self.zone = window, zone
        self.held = 0
        self._sizes: dict[bytes, int] = {}
        self._left = rate * BURST_SECONDS
        self._at = 0.0

    def wait(self, mono: float, wall: float, *, urgent: bool) -> float:
        """Seconds until one more object may be fetched, 0 for now. `urgent` does not wait for the window."""
        if not urgent and not self.window.holds(wall, self.zone):
            return WINDOW_RECHECK_SECONDS
        if self.rate == 0:
            return 0.0
        self._left = min(self._left + (mono - self._at) * self.rate, self.rate * BURST_SECONDS)
        self._at = mono
        return -self._left / self.rate if self._left <= -1.0 else 0.0

    @property
    def full(self) -> bool:
        """Whether what was brought and still lies here is all that may."""
        return self.held >= self.room

    def brought(self, key: bytes, size: int) -> None:
        """An object came: it counts against the rate, and against the room for as long as it stays."""
        self._left -= size
        self.held += size - self._sizes.get(key, 0)
        self._sizes[key] = size

    def gone(self, key: bytes) -> None:
        """It left the cache; unknown keys are passed over."""
        self.held -= self._sizes.pop(key, 0)
