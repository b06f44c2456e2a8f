"""Loads from disk: which requests wait for which body, and which load may start next. Pure."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import NamedTuple

from cache.body import Body
from cache.entry import Entry

MAX_CONCURRENT_LOADS = 256 << 20
"""Bytes being loaded at a time; further loads wait."""

Done = Callable[[Body | None], object]


class Load(NamedTuple):
    """A running load. `cost` (bytes) is as of its start, since a 304 may change the entry's during the load."""

    entry: Entry
    cost: int


class LoadQueue:
    """First in, first out; one load for each entry, however many requests wait for it."""

    __slots__ = ("_in_line", "_waiters", "under_way")

    def __init__(self) -> None:
        self._waiters: dict[Entry, list[Done]] = {}
        self._in_line: OrderedDict[Entry, None] = OrderedDict()
        self.under_way = 0

    def __len__(self) -> int:
        return len(self._waiters)

    def enqueue(self, entry: Entry, done: Done) -> None:
        """Queue a load, or join the one for this entry; `done` is called by whoever finishes it."""
        if entry not in self._waiters:
            self._waiters[entry] = []
            self._in_line[entry] = None
        self._waiters[entry].append(done)

    def next_load(self) -> Load | None:
        """The next load that may start: any while there is room, so at least one however large."""
        if not self._in_line or self.under_way >= MAX_CONCURRENT_LOADS:
            return None
        entry, _ = self._in_line.popitem(last=False)
        self.under_way += entry.cost
        return Load(entry, entry.cost)

    def finish(self, load: Load) -> list[Done]:
        """End a load, successful or not; returns the callbacks that wait for it."""
        self.under_way -= load.cost
        return self._waiters.pop(load.entry)
