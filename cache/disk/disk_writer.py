"""Pending writes to disk: new objects, and heads renewed by a 304."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from functools import partial

from cache.body import Body, DiskBody, Pieces
from cache.disk.stored_objects import DiskParts, StoredObjects
from cache.disk.tier import DiskFull, DiskTier, FolderLost
from cache.entry import Entry
from kernel.errors import StorageFailed

MAX_QUEUED_BYTES = 64 << 20
MAX_WRITES = 2000
"""Bytes and objects with a pending write; beyond either limit new objects stay in RAM only."""


class DiskWriter:
    """Runs at most one write for each entry. `bodies`: bodies being written, which serve requests until then.

    `on_folder_lost` is awaited when a write finds that the disk tier's folder was deleted."""

    def __init__(
        self, stored: StoredObjects, parts: DiskParts, on_folder_lost: Callable[[DiskTier], Awaitable[None]]
    ) -> None:
        self._stored = stored
        self._parts = parts
        self._on_folder_lost = on_folder_lost
        self.bodies: dict[Entry, Body] = {}
        self._numbers: dict[Entry, int] = {}
        self._heads: dict[Entry, bool] = {}
        self._ended: dict[Entry, asyncio.Future[None]] = {}
        self.on_file: Callable[[str, Entry], object] | None = None
        """Called with each file that became an object, and after each renewed head."""
        self.bytes = 0
        self._max_bytes = min(MAX_QUEUED_BYTES, parts.disk.max_object_bytes if parts.disk is not None else 0)

    def __len__(self) -> int:
        return len(self.bodies) + len(self._heads)

    def __iter__(self) -> Iterator[Entry]:
        yield from self.bodies
        yield from self._heads

    def holds(self, entry: Entry) -> bool:
        """Whether a write of this entry is pending."""
        return entry in self.bodies or entry in self._heads

    def end_of(self, entry: Entry) -> asyncio.Future[None]:
        """A future that is done when the pending writes of the entry have ended, whether they succeeded or failed."""
        return self._ended.setdefault(entry, asyncio.get_running_loop().create_future())

    def _finish(self, entry: Entry) -> None:
        waited_for = None if self.holds(entry) else self._ended.pop(entry, None)
        if waited_for is not None and not waited_for.done():
            waited_for.set_result(None)

    # -- bodies ------------------------------------------------------------------------------------------------

    def has_room(self, cost: int) -> bool:
        """Whether another write of `cost` bytes may be started."""
        return self.bytes + cost <= self._max_bytes and len(self.bodies) < MAX_WRITES

    def start_write(self, disk: DiskTier, entry: Entry, body: Body) -> None:
        """Start to write an object."""
        cost = entry.cost  # remember it: a 304 may change it during the write
        self.bodies[entry] = body
        self._numbers[entry] = disk.new_number()
        self.bytes += cost
        self._parts.task_runner.spawn(self._write(disk, entry, body, cost))

    def file_of(self, disk: DiskTier, entry: Entry) -> str | None:
        """The name of the file being written for an entry, if any."""
        number = self._numbers.get(entry)
        return None if number is None else disk.file_name(entry.key, number)

    async def _write(self, disk: DiskTier, entry: Entry, body: Body, cost: int) -> None:
        stored, written, head_at_start = self._stored, False, entry.stored_head
        number, opened = self._numbers[entry], None
        try:
            await stored.evict_from_disk(disk.make_room(self.bytes))
            opened = await self._write_file(disk, disk.file_name(entry.key, number), entry, body, cost)
            written = True
            disk.note_success()
        except StorageFailed as error:
            await self._record_failure(disk, error)
        finally:
            self.bytes -= cost
            del self.bodies[entry], self._numbers[entry]
            try:
                if written:
                    await self._record_written(disk, entry, number, cost, opened)
            finally:
                if isinstance(entry.body, Pieces):
                    entry.body = entry.body.join()
                if not written and not stored.in_ram(entry):
                    stored.forget(entry)
                elif entry.disk is not None and not entry.cold and entry.stored_head is not head_at_start:
                    self.write_head_later(entry)
                self._finish(entry)

    async def _write_file(self, disk: DiskTier, name: str, entry: Entry, body: Body, cost: int) -> DiskBody | None:
        """Write the file. If the disk is full before the budget is used, evict some objects and try once more."""
        parts, now = self._parts, self._parts.now()
        write = partial(disk.write, name, entry.to_disk(now), body, now.mono if parts.files else None)
        try:
            return await parts.task_runner.offload(write)
        except DiskFull:
            await self._stored.evict_from_disk(disk.evict_on_full_disk(2 * cost))
            return await parts.task_runner.offload(write)

    async def _record_written(
        self, disk: DiskTier, entry: Entry, number: int, cost: int, opened: DiskBody | None
    ) -> None:
        """Account for a written file; remove it at once if its object was purged or replaced during the write."""
        stored, parts = self._stored, self._parts
        if not parts.index.holds(entry):
            name = disk.file_name(entry.key, number)
            await parts.remover.remove([name])
            return
        parts.counts.disk_written += 1
        parts.counts.disk_written_bytes += cost
        if entry.body is not None and opened is not None:
            entry.body = opened
        victims = disk.put(entry, number, self.bytes)
        if self.on_file is not None:
            self.on_file(disk.file_name(entry.key, number), entry)
        if not stored.in_ram(entry):
            stored.release_head(entry, opened)
        await stored.evict_from_disk(victims)

    async def _record_failure(self, disk: DiskTier, error: StorageFailed) -> None:
        """Handle a failed write. Only I/O errors count against the disk; a full disk or a deleted folder does not."""
        if isinstance(error, DiskFull):
            self._parts.counts.disk_full += 1
        elif isinstance(error, FolderLost):
            await self._on_folder_lost(disk)
        else:
            self._parts.counts.disk_failed += 1
            disk.note_error(self._parts.clock.mono())

    # -- heads -------------------------------------------------------------------------------------------------

    def write_head_later(self, entry: Entry) -> None:
        """Write a head that a 304 renewed, so that it survives a restart and the entry may become cold."""
        disk = self._parts.disk
        if disk is None or disk.is_draining or entry.disk is None:
            return
        if entry in self._heads:
            self._heads[entry] = True
            return
        self._heads[entry] = False
        self._parts.task_runner.spawn(self._write_head(disk, entry))

    async def _write_head(self, disk: DiskTier, entry: Entry) -> None:
        parts, written = self._parts, True
        try:
            while entry.disk is not None and written:
                self._heads[entry] = False
                name, head = disk.file_name(entry.key, entry.disk), entry.to_disk(parts.now())
                try:
                    await parts.task_runner.offload(partial(disk.write_head, name, head))
                except StorageFailed as error:
                    await self._record_failure(disk, error)
                    written = False
                else:
                    if self.on_file is not None and entry.disk is not None:
                        self.on_file(name, entry)
                if entry.disk is None:  # race: it was evicted or purged during the write, so remove the new head too
                    await parts.remover.remove([name])
                if not self._heads[entry]:
                    break
        finally:
            del self._heads[entry]
            if not written:
                self._drop_file(disk, entry)
            self._finish(entry)

    def _drop_file(self, disk: DiskTier, entry: Entry) -> None:
        """The head on disk is out of date and could not be replaced: drop the file."""
        if (name := disk.drop(entry)) is not None:
            self._parts.remover.remove_later([name])
        if not self._stored.in_ram(entry):
            self._stored.forget(entry)
