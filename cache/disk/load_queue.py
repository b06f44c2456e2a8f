"""Loads from disk: who waits for which body, and which load may begin now. No I/O here."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import NamedTuple

from cache.body import Body
from cache.entry import Entry

MAX_CONCURRENT_LOADS = 256 << 20
"""Bytes on their way from disk at a time; beyond it loads wait in line."""

Done = Callable[[Body | None], object]


class Load(NamedTuple):
    """A load under way; `cost` was counted at its start, since a 304 meanwhile may change the entry's."""

    entry: Entry
    cost: int


class LoadQueue:
    """One load an entry, however many wait for it, in the order asked."""

    __slots__ = ("_in_line", "_waiters", "under_way")

    def __init__(self) -> None:
        self._waiters: dict[Entry, list[Done]] = {}
        self._in_line: OrderedDict[Entry, None] = OrderedDict()
        self.under_way = 0

    def __len__(self) -> int:
        return len(self._waiters)

    def enqueue(self, entry: Entry, done: Done) -> None:
        """Wait for this entry's body."""
        if entry not in self._waiters:
            self._waiters[entry] = []
            self._in_line[entry] = None
        self._waiters[entry].append(done)

    def next_load(self) -> Load | None:
        """The next load that may begin: any while there is room, so one at least, however large."""
        if not self._in_line or self.under_way >= MAX_CONCURRENT_LOADS:
            return None
        entry, _ = self._in_line.popitem(last=False)
        self.under_way += entry.cost
        return Load(entry, entry.cost)

    def finish(self, load: Load) -> list[Done]:
        """The load is over, however; those who wait for it."""
        self.under_way -= load.cost
        return self._waiters.pop(load.entry)
