"""Books and folder made to agree: by a walk after each start, and when the folder turns out to be gone.

A walk goes on while viewers are served. It removes only files that were there at the start and that no entry owns, and
drops only entries whose file is not there: nothing that the walk has not come to yet can be served by mistake, since
files are found by the index alone, and a purge meets every entry, walked or not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING

from cache.disk.recovery import SHARDS, RecoveredObjects, by_shard
from cache.disk.tier import DiskTier
from cache.entry import Entry
from cache.index import PurgeRequest
from kernel.errors import StorageFailed
from kernel.vocabulary import CacheNotice

if TYPE_CHECKING:
    from cache.tiers import Tiers

STEP = 500
"""Files looked for in one go."""


def _ignore(notice: CacheNotice) -> None:
    """Nobody asked to be told."""


class Reconciler:
    """See the module. `on_notice` is told of what an operator should know."""

    def __init__(self, tiers: Tiers) -> None:
        self._tiers = tiers
        self._remaking = self._is_lost = False
        self.on_notice: Callable[[CacheNotice], object] = _ignore

    async def sweep_disk(self, found: RecoveredObjects) -> None:
        """After a start: what was found, against what is there."""
        tiers, disk = self._tiers, self._tiers.disk
        if disk is None:
            return
        for notice in found.notices:
            self.on_notice(notice)
        kept = by_shard(found.entries)
        for shard in SHARDS:
            names = kept.pop(shard, [])
            try:
                there = await tiers.task_runner.offload(partial(disk.sweep, shard, frozenset(names), found.number))
            except StorageFailed:
                continue  # reading its files will tell
            self._forget_files(disk, ((name, found.entries[name]) for name in names if name not in there))
            for name in names:
                del found.entries[name]

    def _forget_files(self, disk: DiskTier, files: Iterable[tuple[str, Entry]]) -> None:
        for name, entry in files:
            if entry.disk is not None and disk.file_name(entry.key, entry.disk) == name:
                self._tiers.forget_file(disk, entry)

    async def check_folder(self) -> None:
        """Find out now whether the folder is still there, and make it anew if not."""
        disk = self._tiers.disk
        if disk is not None and not await self._tiers.task_runner.offload(disk.owns_folder):
            await self.folder_lost(disk)

    async def folder_lost(self, disk: DiskTier) -> None:
        """The folder, or a part of it, was removed: make it anew, and forget what was in it. Once, however many writes
        find it out."""
        tiers = self._tiers
        if self._remaking:
            return
        self._remaking = True
        try:
            whole = await tiers.task_runner.offload(disk.recreate_folder)
        except StorageFailed:
            disk.note_folder_lost(tiers.clock.mono())
            if not self._is_lost:
                self.on_notice(CacheNotice.FOLDER_LOST)
            self._is_lost = True
        else:
            self._is_lost = False
            disk.note_folder_recreated()
            tiers.counts.folder_remade += 1
            self.on_notice(CacheNotice.FOLDER_MADE_ANEW if whole else CacheNotice.FOLDER_MENDED)
            await self._forget_missing(disk)
        finally:
            self._remaking = False

    async def _forget_missing(self, disk: DiskTier) -> None:
        tiers = self._tiers
        for entries in tiers.index.iter_reached(PurgeRequest(everything=True), STEP):
            filed = iter([entry for entry in entries if entry.disk is not None])
            while some := {disk.file_name(e.key, e.disk): e for e in islice(filed, STEP) if e.disk is not None}:
                missing = await tiers.task_runner.offload(partial(disk.missing, list(some)))
                self._forget_files(disk, ((name, some[name]) for name in missing))
