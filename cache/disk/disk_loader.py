"""Loads from disk to RAM: bodies for waiting requests, and heads of cold entries."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from cache.body import Body
from cache.disk.load_queue import Done, Load, LoadQueue
from cache.disk.object_file import Damaged, FileOf
from cache.disk.tier import DiskTier, Head
from cache.entry import Entry
from cache.tiers import Tiers
from kernel.errors import StorageFailed

T = TypeVar("T")


class DiskLoader:
    """Loads each body once, however many requests wait for it."""

    def __init__(self, tiers: Tiers) -> None:
        self._tiers = tiers
        self._loads = LoadQueue()

    def load(self, entry: Entry, done: Done) -> None:
        """Load a body and call `done` with it on the loop, or with None when it cannot be read."""
        tiers = self._tiers
        body = entry.body if entry.body is not None else tiers.writer.bodies.get(entry)
        if body is None and entry.slice and not entry.cold:
            body = b""
        if body is not None:
            done(body)
        elif entry.disk is None or tiers.disk is None:
            tiers.forget(entry)
            done(None)
        elif (body := tiers.reopen_body(entry, tiers.clock.mono())) is not None:
            done(body)
        elif tiers.disk.is_suspended(tiers.clock.mono()):
            done(None)
        else:
            tiers.disk.touch(entry)  # counts as a hit on disk only: in RAM the object is new and needs a hit of its own
            self._loads.enqueue(entry, done)
            self._next()

    def _next(self) -> None:
        while (load := self._loads.next_load()) is not None:
            self._tiers.task_runner.spawn(self._load(load))

    async def _load(self, load: Load) -> None:
        tiers, entry = self._tiers, load.entry
        tiers.counts.loads += 1
        body: Body | None = None
        try:
            now = tiers.clock.mono()
            found = await self._read(entry, lambda disk, file: disk.read_body(file, now, files=tiers.files))
            if found is not None and self._warm(entry, found[0]):
                body = found[1]
        finally:
            waiters = self._loads.finish(load)
            if body is not None and entry.disk is not None:
                tiers.to_ram(entry, body)
            for done in waiters:
                done(body)
            self._next()

    async def load_head(self, entry: Entry) -> bool:
        """Make a cold entry warm; False when its head cannot be read."""
        if not entry.cold:
            return True
        head = await self._read(entry, lambda disk, file: disk.read_head(file))
        if head is None or not self._warm(entry, head):
            return False
        if entry.slice and entry.disk is not None:
            self._tiers.to_ram(entry, None)
        else:
            self._tiers.release_head(entry)
        return True

    async def _read(self, entry: Entry, read: Callable[[DiskTier, FileOf], T]) -> T | None:
        """Run `read` on the entry's file in a thread. On damage or an I/O error forget the entry and return None."""
        tiers = self._tiers
        disk, number = tiers.disk, entry.disk
        if disk is None or number is None or disk.is_suspended(tiers.clock.mono()):
            return None
        wanted = FileOf(disk.file_name(entry.key, number), entry.key, entry.vary)
        try:
            found = await tiers.task_runner.offload(lambda: read(disk, wanted))
        except Damaged:
            if entry.disk == number:  # race: otherwise it was purged or evicted during the read, not damaged
                tiers.counts.disk_damaged += 1
                tiers.forget(entry)
        except StorageFailed:
            tiers.counts.disk_failed += 1
            disk.note_error(tiers.clock.mono())
            tiers.forget(entry)
        else:
            disk.note_success()
            return found
        return None

    def _warm(self, entry: Entry, head: Head) -> bool:
        """Set the head read from the file; if it contradicts the index, forget the entry as damaged and return
        False."""
        if (head.get("length"), head.get("status")) == (entry.length, entry.status):
            try:
                if entry.cold:
                    entry.load_head(head)
            except (KeyError, TypeError, ValueError):
                pass
            else:
                return True
        self._tiers.counts.disk_damaged += 1
        self._tiers.forget(entry)
        return False
