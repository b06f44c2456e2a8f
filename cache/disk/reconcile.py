"""Make the index and the folder agree: by a sweep after each start, and when the folder was deleted.

The sweep runs while viewers are served. It removes only files that were there at the start and that no entry owns, and
it drops only entries whose file is missing. What the sweep has not reached yet is safe to serve and to purge: files are
found through the index alone, and a purge examines every entry.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from itertools import islice

from cache.disk.recovery import SHARDS, RecoveredObjects, by_shard
from cache.disk.stored_objects import DiskParts, StoredObjects
from cache.disk.tier import DiskTier
from cache.entry import Entry
from cache.index import PurgeRequest
from kernel.errors import StorageFailed
from kernel.vocabulary import CacheNotice

STEP = 500
"""Entries whose files are checked in one call of a thread."""


def _ignore(notice: CacheNotice) -> None:
    """The default listener."""


class Reconciler:
    """See the module. `on_notice` is called with notices for the operator."""

    def __init__(self, stored: StoredObjects, parts: DiskParts) -> None:
        self._stored = stored
        self._parts = parts
        self._recreating = self._is_lost = False
        self.on_notice: Callable[[CacheNotice], object] = _ignore

    async def sweep_disk(self, found: RecoveredObjects) -> None:
        """Compare the entries recovered at start with the files in the folder."""
        parts, disk = self._parts, self._parts.disk
        if disk is None:
            return
        for notice in found.notices:
            self.on_notice(notice)
        kept = by_shard(found.entries)
        for shard in SHARDS:
            names = kept.pop(shard, [])
            try:
                there = await parts.task_runner.offload(partial(disk.sweep, shard, frozenset(names), found.number))
            except StorageFailed:
                continue  # unknown: reading its files will report the error
            self._forget_files(disk, ((name, found.entries[name]) for name in names if name not in there))
            for name in names:
                del found.entries[name]

    def _forget_files(self, disk: DiskTier, files: Iterable[tuple[str, Entry]]) -> None:
        for name, entry in files:
            if entry.disk is not None and disk.file_name(entry.key, entry.disk) == name:
                self._stored.forget_file(disk, entry)

    async def check_folder(self) -> None:
        """Check whether the folder is still there; recreate it if not."""
        disk = self._parts.disk
        if disk is not None and not await self._parts.task_runner.offload(disk.owns_folder):
            await self.folder_lost(disk)

    async def folder_lost(self, disk: DiskTier) -> None:
        """The folder or a part of it was deleted: recreate it and forget what was in it.

        Runs once at a time, however many writes notice the loss."""
        parts = self._parts
        if self._recreating:
            return
        self._recreating = True
        try:
            whole = await parts.task_runner.offload(disk.recreate_folder)
        except StorageFailed:
            disk.note_folder_lost(parts.clock.mono())
            if not self._is_lost:
                self.on_notice(CacheNotice.FOLDER_LOST)
            self._is_lost = True
        else:
            self._is_lost = False
            disk.note_folder_recreated()
            parts.counts.folder_recreated += 1
            self.on_notice(CacheNotice.FOLDER_RECREATED if whole else CacheNotice.FOLDER_REPAIRED)
            await self._forget_missing(disk)
        finally:
            self._recreating = False

    async def _forget_missing(self, disk: DiskTier) -> None:
        parts = self._parts
        for entries in parts.index.iter_reached(PurgeRequest(everything=True), STEP):
            on_disk = iter([entry for entry in entries if entry.disk is not None])
            while batch := {disk.file_name(e.key, e.disk): e for e in islice(on_disk, STEP) if e.disk is not None}:
                missing = await parts.task_runner.offload(partial(disk.missing, list(batch)))
                self._forget_files(disk, ((name, batch[name]) for name in missing))
