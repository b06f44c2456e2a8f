"""What the disk's background work needs of the rest of the cache: the index and both tiers, and the parts they share.

`cache.tiers.Tiers` makes a `DiskWriter` and a `Reconciler` and is their `StoredObjects`, so neither imports it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from cache.body import Body
from cache.counts import CacheCounts
from cache.disk.file_remover import FileRemover
from cache.disk.tier import DiskTier
from cache.entry import Entry
from cache.index import Index
from cache.tasks import TaskRunner
from kernel.clock import Clock, Instant


class StoredObjects(Protocol):
    """The changes that background work makes to the stored entries; all run on the loop."""

    def in_ram(self, entry: Entry) -> bool:
        """Whether RAM holds its body, or its entry if it is a sliced object."""

    def forget(self, entry: Entry) -> None:
        """Remove an entry from the index and both tiers; its file is removed later."""

    def forget_file(self, disk: DiskTier, entry: Entry) -> None:
        """The file is missing: keep serving the entry from RAM if it is there, otherwise forget it."""

    def release_head(self, entry: Entry, body: Body | None = None) -> None:
        """Keep the head and the open file of an entry that left RAM for a while, then release them."""

    async def evict_from_disk(self, victims: list[Entry]) -> None:
        """Evict these from disk; returns when their files are removed."""


@dataclass(frozen=True, slots=True)
class DiskParts:
    """The parts of the cache that its disk work shares. `files`: large bodies in RAM are open files."""

    disk: DiskTier | None
    index: Index
    remover: FileRemover
    task_runner: TaskRunner
    clock: Clock
    counts: CacheCounts
    files: bool

    def now(self) -> Instant:
        """The wall-clock and monotonic time."""
        return Instant(self.clock.wall(), self.clock.mono())
