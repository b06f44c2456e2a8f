"""The books of prefetching: which bytes that nobody had asked for yet were of use, late or wasted, by title and cause.

    begun -> arrived -> asked    useful: it lay here when a viewer came
    begun -> asked -> arrived    late: he had to wait for the rest of it
    begun -> arrived -> gone     wasted: it was evicted, or nobody came within `WASTED_AFTER`

A cause that wastes much of what it brings is throttled: of what it asks for, the share that was of use of late is
allowed, a little always, so that it can prove itself again. Pure: time comes in.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass

from kernel.fleet.messages import Prefetched

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
