"""The edge's own cache without bodies: the same tiers, indexes and policies, but bodies have only a length.

`cache.cache.SegmentCache` runs as it does in an edge; its files are never written (`CountingDiskTier`), its bodies
hold no bytes (`SizeOnlyBody`), and the work of an edge's threads runs at the end of each request (`InlineTasks`).
So the replay counts decisions of the edge's own code, not of a copy.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from cache.body import Body, MemoryFile
from cache.cache import SegmentCache
from cache.disk.object_file import FileOf
from cache.disk.tier import DiskTier, Head
from cache.entry import OBJECT_OVERHEAD_BYTES, Entry
from cache.eviction.admission import ADMISSIONS, Admission
from cache.eviction.choice import DEFAULT, POLICIES, S3FifoTuning
from cache.eviction.policy import Policy
from cache.ram import RamTier
from kernel.errors import Bug

T = TypeVar("T")


class SizeOnlyBody(MemoryFile):
    """A body with a length but no bytes."""

    __slots__ = ()

    def __init__(self, length: int) -> None:
        self._length = length
        self.fd = -1

    def view(self, first: int, stop: int) -> memoryview:
        """Nothing."""
        del first, stop
        return memoryview(b"")


class CountingDiskTier(DiskTier):
    """A disk tier that accounts for its objects but never touches a disk."""

    def __init__(self, budget: int, policy: Policy[Entry], admission: Admission) -> None:
        super().__init__(Path(), budget, policy, admission)
        self._heads: dict[str, Head] = {}

    def write(self, name: str, head: Head, body: Body, now: float | None = None) -> None:
        """Do nothing: the tier's index counts the object."""
        del body, now
        self._heads[name] = head

    def read(self, wanted: FileOf) -> tuple[Head, Body]:
        """The object from the index."""
        return self._heads[wanted.name], _LOADED

    def unlink(self, names: list[str]) -> set[str]:
        """Do nothing: there are no files."""
        for name in names:
            self._heads.pop(name, None)
        return set()


_LOADED = SizeOnlyBody(0)


def _served(body: Body | None) -> None:
    if body is None:
        raise Bug("the index of the disk tier lost an object")


class InlineTasks:
    """A task runner and a stopped clock for the cache: `run_pending` runs all spawned work in order."""

    def __init__(self) -> None:
        self._work: deque[Coroutine[Any, Any, None]] = deque()

    async def offload(self, work: Callable[[], T]) -> T:
        """Run the work at once."""
        return work()

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Queue the work for the next `run_pending`."""
        self._work.append(work)

    def run_pending(self) -> None:
        """Run all queued work. Raises Bug if any of it waits for something else."""
        while self._work:
            work = self._work.popleft()
            try:
                work.send(None)
            except StopIteration:
                continue
            work.close()
            raise Bug("the cache waits for something that a replay does not have")

    def wall(self) -> float:
        """Always the same time: a replay has no freshness, nothing expires."""
        return 0.0

    mono = wall

    def call_later(self, delay: float, callback: Callable[[], object]) -> Any:
        """Raises Bug: in a replay nothing may wait for a timer."""
        raise Bug(f"the cache waits {delay} s to call {callback}, in a replay")


@dataclass(slots=True)
class ReplayCounts:
    """Counts of the replayed requests."""

    requests: int = 0
    bytes: int = 0
    missed: int = 0
    bytes_missed: int = 0
    ram_hits: int = 0
    disk_hits: int = 0


class Replay:
    """A cache of `ram` and `disk` bytes (0: no disk tier) for sequential requests."""

    def __init__(self, ram: int, disk: int, policy: str, admission: str, tuning: S3FifoTuning = DEFAULT) -> None:
        make = POLICIES[policy]
        self._bench = InlineTasks()
        ledger = CountingDiskTier(disk, make(disk, tuning), ADMISSIONS[admission](disk)) if disk else None
        in_ram = RamTier(ram, make(ram, tuning), alone=ledger is None)
        self._cache = SegmentCache(in_ram, ledger, self._bench, self._bench)
        self.tally = ReplayCounts()

    @property
    def disk_bytes_written(self) -> int:
        """Bytes of the objects written to the disk tier."""
        return self._cache.counts.disk_written_bytes

    def request(self, key: bytes, size: int) -> None:
        """Run one GET to its end: a hit from RAM, a hit from disk, or a fill."""
        cache, tally = self._cache, self.tally
        tally.requests += 1
        tally.bytes += size
        entry = cache.peek(key, {})
        if entry is None:
            tally.missed += 1
            tally.bytes_missed += size
            if cache.fits(size + OBJECT_OVERHEAD_BYTES):
                cache.store(Entry(key, 200, [], None), SizeOnlyBody(size))
        elif entry.body is not None:
            tally.ram_hits += 1
            cache.touch(entry)
            return
        else:
            tally.disk_hits += 1
            cache.load(entry, _served)
        self._bench.run_pending()
