"""The index and the two tiers, kept consistent: what is stored, in which tier, and what is evicted.

A stored entry has its body in RAM, on disk, on its way to disk, or in several of these. An entry that is only on disk
is cold: its head is in its file. The moves and their cost:

    store       into RAM; also to disk if admission allows it: one write, the only one for this object
    promote     load from disk into RAM; the file stays, so a later eviction from RAM writes nothing
    demote      evict from RAM: an object with a file costs nothing; one without, but with a hit in RAM, is written now
    drop file   evict from disk: an object in RAM is served from there and written again only by a demotion; else it
                is forgotten
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator
from itertools import islice

from cache.body import Body, DiskBody, Pieces, can_keep_open_when_cold
from cache.counts import CacheCounts
from cache.disk.disk_writer import DiskWriter
from cache.disk.file_remover import FileRemover
from cache.disk.index_observer import IndexObserver
from cache.disk.reconcile import Reconciler
from cache.disk.stored_objects import DiskParts
from cache.disk.tier import DiskTier
from cache.entry import Entry
from cache.index import Index
from cache.ram import Evicted, RamTier
from cache.slices import is_slice
from cache.tasks import TaskRunner
from kernel.clock import Clock

MAX_CACHED_HEADS = 1024
"""Heads kept, and files kept open, for objects that left RAM: another request for them is likely."""

SLICES_PER_STEP = 100
"""Slices removed together with their object before the loop serves requests again."""


class Tiers:
    """Runs on the event loop; only plain file functions run in threads. `files`: large bodies are open files. `in_use`:
    whether a running fill needs the head of an entry."""

    def __init__(
        self,
        ram: RamTier,
        disk: DiskTier | None,
        clock: Clock,
        workshop: TaskRunner,
        in_use: Callable[[Entry], bool],
        *,
        files: bool,
    ) -> None:
        self.ram, self.disk, self.files = ram, disk, files
        self.clock, self.task_runner = clock, workshop
        self.counts = CacheCounts()
        self.index = Index()
        self.remover = FileRemover(disk, workshop, clock, self.counts)
        parts = DiskParts(disk, self.index, self.remover, workshop, clock, self.counts, files)
        self.reconciler = Reconciler(self, parts)
        self.writer = DiskWriter(self, parts, self.reconciler.folder_lost)
        self.on_removed: Callable[[Entry], object] | None = None
        """Called with every entry that leaves the cache, for any reason."""
        self.stores = True
        """Whether responses are stored here; not where the entries are those of another process."""
        self._observer: IndexObserver | None = None
        self._in_use = in_use
        self._cached_heads: OrderedDict[Entry, DiskBody | None] = OrderedDict()

    def observe(self, observer: IndexObserver) -> None:
        """Tell `observer` of every file from now on. Each object is then written once it has a hit, since the observer
        can use only files."""
        self._observer = observer
        self.writer.on_file, self.remover.on_removing = observer.on_file, observer.on_files_removed

    def report_change(self, entry: Entry) -> None:
        """What is known of this entry has changed without a write to its file."""
        if self._observer is not None and self.disk is not None and entry.disk is not None:
            self._observer.on_file(self.disk.file_name(entry.key, entry.disk), entry)

    def in_ram(self, entry: Entry) -> bool:
        """Whether RAM holds its body, or its entry if it is a sliced object."""
        return entry.body is not None or (entry.slice > 0 and self.ram.holds(entry))

    def touch(self, entry: Entry) -> None:
        """Record a hit in the tier that served it."""
        if entry.body is not None:
            self.ram.touch(entry)
            if self._observer is not None and entry.disk is None and not self.writer.holds(entry):
                self._write_if_room(entry, entry.body)
            return
        if entry.slice:
            self.ram.touch(entry)
        if self.disk is not None:
            self.disk.touch(entry)

    # -- storing ------------------------------------------------------------------------------------------------

    def fits(self, cost: int) -> bool:
        """Whether any tier accepts an object of `cost` bytes."""
        if not self.stores:
            return False
        return self.ram.fits(cost) or (self.disk is not None and self.disk.fits(cost, self.clock.mono()))

    def store(self, entry: Entry, body: Body) -> bool:
        """Store a complete response in place of the alternate it replaces; False when no tier has room for it.

        The entry of a sliced object has its length set and an empty body; its slices are stored as entries of their
        own."""
        if not entry.slice:
            entry.length = len(body)
        in_ram, disk, cost = self.ram.fits(entry.cost), self.disk, entry.cost
        room = disk is not None and disk.fits(cost, self.clock.mono()) and self.writer.has_room(cost)
        self.counts.disk_skipped += disk is not None and not room
        to_disk = room and disk is not None and disk.admits(entry)
        if not self.stores or (not in_ram and not to_disk):
            return False
        self._insert(entry)
        if to_disk and disk is not None:
            self.writer.start_write(disk, entry, body)
        elif isinstance(body, Pieces):
            body = body.join()
        if in_ram:
            self.to_ram(entry, body)
        return True

    def to_ram(self, entry: Entry, body: Body | None) -> None:
        """Put the body in RAM if RAM accepts it; evict others if needed."""
        if not self.ram.fits(entry.cost):
            self.release_head(entry, body)
            return
        self._cached_heads.pop(entry, None)
        for left in self.ram.put(entry, None if entry.slice else body):
            self._on_ram_evicted(left)

    def adopt(self, entries: Iterable[Entry]) -> None:
        """Add the entries recovered at start, oldest first; forget slices whose sliced object is missing."""
        disk, slices = self.disk, list[Entry]()
        if disk is None:
            return
        for entry in entries:
            number, entry.disk = entry.disk, None
            if number is None:
                continue
            self._insert(entry)
            if victims := disk.put(entry, number):
                self.remover.remove_later(self.drop_from_disk(victims))
            if is_slice(entry.key):
                slices.append(entry)
        for entry in slices:
            if not self.index.has_whole(entry):
                self.forget(entry)

    def insert_cold(self, entry: Entry) -> None:
        """Add an entry whose file another process keeps, in place of those it replaces."""
        self._insert(entry)

    def _insert(self, entry: Entry) -> None:
        for other in self.index.replaced_by(entry):
            same = other.slice and (other.slice, other.mark, other.length) == (entry.slice, entry.mark, entry.length)
            self.forget(other, with_slices=not same)
        self.index.insert(entry)

    # -- removing -----------------------------------------------------------------------------------------------

    def forget(self, entry: Entry, *, with_slices: bool = True) -> None:
        """Remove from the index and both tiers, with its slices; its file is removed later, even one still being
        written."""
        self.index.remove(entry)
        self.ram.drop(entry)
        self._cached_heads.pop(entry, None)
        if entry.slice and with_slices:
            self._forget_slices(entry)
        if (disk := self.disk) is not None:
            for name in (disk.drop(entry), self.writer.file_of(disk, entry)):
                if name is not None and not disk.is_sealed:  # another process removes the files of a sealed tier
                    self.remover.remove_later((name,))
        if self.on_removed is not None:
            self.on_removed(entry)

    def forget_file(self, disk: DiskTier, entry: Entry) -> None:
        """The file is missing: keep serving the entry from RAM if it is there, otherwise forget it."""
        if self.in_ram(entry):
            disk.drop(entry)
        else:
            self.forget(entry)

    def _forget_slices(self, whole: Entry) -> None:
        """Forget the slices of a removed object; many of them in steps, until the same object is stored again."""
        slices = self.index.slices_of(whole)
        for part in islice(slices, SLICES_PER_STEP):
            if part is not None:
                self.forget(part)
        if (whole.length or 0) > SLICES_PER_STEP * whole.slice:
            self.task_runner.spawn(self._forget_more_slices(slices))

    async def _forget_more_slices(self, slices: Iterator[Entry | None]) -> None:
        for number, part in enumerate(slices):
            if part is not None and self.index.has_whole(part):
                return
            if part is not None:
                self.forget(part)
            if number % SLICES_PER_STEP == 0:
                await asyncio.sleep(0)

    def _on_ram_evicted(self, left: Evicted) -> None:
        entry = left.entry
        self.counts.evicted_ram += 1
        if entry.disk is not None or self.writer.holds(entry):
            self.release_head(entry, left.body)
        elif left.was_wanted and left.body is not None and self._write_if_room(entry, left.body):
            self.counts.demoted += 1
        else:
            self.forget(entry)

    def _write_if_room(self, entry: Entry, body: Body) -> bool:
        """Write an object that is only in RAM to disk, if there is room for it."""
        disk, cost = self.disk, entry.cost
        if disk is None or not disk.fits(cost, self.clock.mono()) or not self.writer.has_room(cost):
            return False
        self.writer.start_write(disk, entry, body)
        return True

    async def evict_from_disk(self, victims: list[Entry]) -> None:
        """Evict these from disk; returns when their files are removed."""
        await self.remover.remove(self.drop_from_disk(victims))

    def drop_from_disk(self, victims: list[Entry]) -> list[str]:
        """Drop entries from the disk tier; returns the names of their files, still to be removed."""
        disk, names = self.disk, list[str]()
        self.counts.evicted_disk += len(victims)
        for victim in victims:
            name = disk.drop(victim) if disk is not None else None
            if name is not None:
                names.append(name)
            if not self.in_ram(victim):
                self.forget(victim)
        return names

    # -- cold and warm -----------------------------------------------------------------------------------------

    def reopen_body(self, entry: Entry, now: float) -> Body | None:
        """Bring a body back to RAM without reading it: its file was verified when opened, is still open and unchanged,
        and its pages are in memory. None otherwise."""
        body = self._cached_heads.get(entry)
        if body is None or self.disk is None:
            return None
        if not body.is_servable(now) or not body.is_in_page_cache():
            self._cached_heads[entry] = None
            return None
        self.counts.loads += 1
        self.disk.touch(entry)
        self.to_ram(entry, body)
        return body

    def release_head(self, entry: Entry, body: Body | None = None) -> None:
        """Keep the head and the open file of an entry that left RAM for a while: release them once `MAX_CACHED_HEADS`
        other entries followed, unless a fill or a write needs them."""
        if entry.cold or entry.disk is None:
            return
        self._cached_heads[entry] = body if isinstance(body, DiskBody) and can_keep_open_when_cold(body.fd) else None
        self._cached_heads.move_to_end(entry)
        for _ in range(len(self._cached_heads) - MAX_CACHED_HEADS):
            eldest, kept = self._cached_heads.popitem(last=False)
            if self.in_ram(eldest) or eldest.disk is None:
                continue
            if self.writer.holds(eldest) or self._in_use(eldest):
                self._cached_heads[eldest] = kept
            else:
                eldest.release_head()
