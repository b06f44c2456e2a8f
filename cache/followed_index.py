"""The index of a process that serves another one's files: it follows what that process says of them.

A line has the fields of `Entry.to_index` in the order of `INDEXED`, as in the disk tier's journal. Lines may come twice
and in any order behind a removal: a removed name stays removed.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Sequence
from typing import Any

from cache.disk.journal import number_of
from cache.entry import INDEXED, Entry
from cache.tiers import Tiers
from kernel.clock import Instant

MAX_REMEMBERED = 10_000
"""Names remembered as removed: a line of such a file may still be on its way."""


def line_of(entry: Entry, now: Instant) -> list[Any]:
    """What a follower needs of an entry."""
    known = entry.to_index(now)
    return [known[name] for name in INDEXED]


class FollowedIndex:
    """Keeps the entries of `tiers` as the owner of the files says. During a new start of the owner
    (`begin_snapshot` to `end_snapshot`) entries stay, and those that it does not name are forgotten at the end."""

    def __init__(self, tiers: Tiers) -> None:
        self._tiers = tiers
        self._entries: dict[str, Entry] = {}
        self._removed: OrderedDict[str, None] = OrderedDict()
        self._unconfirmed: dict[str, None] = {}

    def __len__(self) -> int:
        return len(self._entries)

    def begin_snapshot(self) -> None:
        """The owner is about to name every file."""
        self._removed.clear()
        self._unconfirmed = dict.fromkeys(self._entries)

    def end_snapshot(self) -> None:
        """The owner has named every file: forget the others."""
        gone, self._unconfirmed = self._unconfirmed, {}
        self.remove(gone)

    def store(self, name: str, line: Sequence[Any], now: Instant) -> None:
        """The file is an object. ValueError, TypeError or KeyError when the line is malformed."""
        self._unconfirmed.pop(name, None)
        if name in self._removed:
            return
        entry = Entry.from_line(line, now)
        entry.disk = number_of(name)
        before = self._entries.get(name)
        if before is not None and self._tiers.index.holds(before):
            if _is_same(before, entry):
                return
            self._tiers.forget(before)
        self._entries[name] = entry
        self._tiers.insert_cold(entry)

    def remove(self, names: Iterable[str]) -> None:
        """These files are no objects any more."""
        for name in names:
            self._removed[name] = None
            entry = self._entries.pop(name, None)
            if entry is not None:
                self._tiers.forget(entry)
        while len(self._removed) > MAX_REMEMBERED:
            self._removed.popitem(last=False)


def _is_same(one: Entry, other: Entry) -> bool:
    """Whether two lines of a file say the same; times differ a little, since each is made at another moment."""
    return (
        one.surrogates == other.surrogates
        and one.windows == other.windows
        and abs(one.born - other.born) < 0.01
        and abs(one.fresh_until - other.fresh_until) < 0.01
    )
