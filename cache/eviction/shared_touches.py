"""Hits that several processes record in one map of shared memory, and the policies that use it.

An object's cell is its file number modulo the number of cells. Two objects may share a cell: one then counts as hit
with the other, which costs a little hit rate and never correctness. So does an update that is lost because two
processes write one cell at the same time. `size` of the memory: `HitMap.size` or `TimeMap.size`.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable
from mmap import mmap
from typing import Protocol

from cache.entry import Entry
from cache.eviction.policy import Policy

MIN_CELLS, MAX_CELLS = 1 << 16, 1 << 22
OBJECT_BYTES = 64 * 1024
"""A tier has one cell for so many bytes of its budget."""
MAX_HITS = 3
"""More hits than S3-FIFO counts are not recorded."""


def cells_for(budget: int) -> int:
    """The number of cells for a tier of `budget` bytes: a power of two."""
    return min(MAX_CELLS, max(MIN_CELLS, 1 << (budget // OBJECT_BYTES).bit_length()))


class TouchMap(Protocol):
    """Records hits by file number."""

    def record(self, number: int) -> None:
        """The object with this file number had a hit."""


class HitMap:
    """How many hits each object had since it was last asked: one byte each, at most `MAX_HITS`."""

    def __init__(self, memory: mmap | bytearray) -> None:
        self._cells = memory
        self._last = len(memory) - 1

    @staticmethod
    def size(budget: int) -> int:
        """Bytes of memory for a tier."""
        return cells_for(budget)

    def record(self, number: int) -> None:
        """See TouchMap."""
        cell = number & self._last
        if self._cells[cell] < MAX_HITS:
            self._cells[cell] += 1

    def pop(self, number: int) -> int:
        """The hits since the last call."""
        cell = number & self._last
        hits = self._cells[cell]
        if hits:
            self._cells[cell] = 0
        return hits


class TimeMap:
    """When each object had its last hit: monotonic seconds, which are the same for all processes of a machine."""

    def __init__(self, memory: mmap | bytearray, now: Callable[[], float]) -> None:
        self._cells = memoryview(memory).cast("d")
        self._last = len(self._cells) - 1
        self._now = now

    @staticmethod
    def size(budget: int) -> int:
        """Bytes of memory for a tier."""
        return 8 * cells_for(budget)

    def record(self, number: int) -> None:
        """See TouchMap."""
        self._cells[number & self._last] = self._now()

    def last(self, number: int) -> float:
        """The time of the last hit; 0 if there was none."""
        return self._cells[number & self._last]


class TouchingPolicy:
    """A policy that also records each hit of an object in a file in the shared map. See `Policy`."""

    def __init__(self, policy: Policy[Entry], touches: TouchMap) -> None:
        self._policy = policy
        self._touch, self._record = policy.touch, touches.record
        self.insert, self.remove, self.untouch = policy.insert, policy.remove, policy.untouch
        self.evict, self.fits_without_eviction = policy.evict, policy.fits_without_eviction

    @property
    def used(self) -> int:
        """See Policy."""
        return self._policy.used

    @property
    def was_wanted(self) -> bool:
        """See Policy."""
        return self._policy.was_wanted

    def touch(self, key: Entry) -> None:
        """See Policy."""
        self._touch(key)
        if key.disk is not None:
            self._record(key.disk)

    def __contains__(self, key: object) -> bool:
        return key in self._policy

    def __len__(self) -> int:
        return len(self._policy)


class SharedLru:
    """Least recently used by the hits of all processes: exact, since the heap corrects a key's time before it evicts.

    `touch` is the only call of a hit; it writes the shared time and does not move the key.
    """

    def __init__(self, times: TimeMap) -> None:
        self._times = times
        self._heap: list[tuple[float, int, Entry]] = []
        self._held: dict[Entry, tuple[int, float, int]] = {}
        """Entry -> size, when it was inserted, the number of its place in the heap that counts."""
        self._number = 0
        self.used = 0
        self.was_wanted = False

    def insert(self, key: Entry, size: int) -> None:
        """Add an object as used now. Its cell may hold another's time, so its own starts now."""
        self.remove(key)
        if key.disk is None:
            return
        self._times.record(key.disk)
        self._put(key, size, self._times.last(key.disk), self._times.last(key.disk))
        self.used += size

    def _put(self, key: Entry, size: int, inserted: float, last: float) -> None:
        self._number += 1
        self._held[key] = size, inserted, self._number
        heapq.heappush(self._heap, (last, self._number, key))
        if len(self._heap) > 64 + 2 * len(self._held):
            self._heap = [one for one in self._heap if self._counts(one)]
            heapq.heapify(self._heap)

    def _counts(self, place: tuple[float, int, Entry]) -> bool:
        held = self._held.get(place[2])
        return held is not None and held[2] == place[1]

    def touch(self, key: Entry) -> None:
        """Record a hit."""
        if key.disk is not None:
            self._times.record(key.disk)

    def untouch(self, key: Entry) -> None:
        """Nothing: the first use of a prefetched object counts as its insertion anyway."""

    def fits_without_eviction(self, size: int) -> bool:
        """Whether the least recently used objects, up to `size` bytes, had no hit; only the first of them is known."""
        del size
        while self._heap and not self._counts(self._heap[0]):
            heapq.heappop(self._heap)
        if not self._heap:
            return False
        key = self._heap[0][2]
        return key.disk is not None and self._times.last(key.disk) <= self._held[key][1]

    def remove(self, key: Entry) -> None:
        """Remove a key; unknown keys are ignored."""
        held = self._held.pop(key, None)
        if held is not None:
            self.used -= held[0]

    def evict(self) -> Entry | None:
        """Remove and return the least recently used key."""
        while self._heap:
            place = heapq.heappop(self._heap)
            if not self._counts(place):
                continue
            key = place[2]
            size, inserted, _ = self._held[key]
            last = self._times.last(key.disk) if key.disk is not None else 0.0
            if last > place[0]:
                self._put(key, size, inserted, last)
                continue
            self.remove(key)
            self.was_wanted = last > inserted
            return key
        return None

    def __contains__(self, key: object) -> bool:
        return key in self._held

    def __len__(self) -> int:
        return len(self._held)
