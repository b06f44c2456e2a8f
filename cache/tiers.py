"""The index and the two tiers, kept in agreement: who is stored, where, and who leaves.

An entry in the index has its body in RAM, on disk, on its way to disk, or in several of these places. What is only on
disk is cold: its head lies in its file. The moves, and what each costs:

    stored      into RAM; to disk as well, when admission says so: one write, the only one of this object
    promotion   a load from disk into RAM: the file stays, nothing is written when it leaves RAM again
    demotion    out of RAM with a file: nothing is written; without one and asked for while in RAM: written now
    off disk    in RAM it goes on from there, and is written again only as a demotion; else it is gone
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
from cache.disk.reconcile import Reconciler
from cache.disk.tier import DiskTier
from cache.entry import Entry
from cache.index import Index
from cache.ram import Evicted, RamTier
from cache.slices import is_slice
from cache.tasks import TaskRunner
from kernel.clock import Clock

MAX_CACHED_HEADS = 1024
"""Heads kept of objects that are not in RAM, and their files kept open: somebody may be about to use them."""

SLICES_PER_STEP = 100
"""Slices of an object that leave with it before others get their turn."""


class Tiers:
    """On the loop, in one thread; only the plain disk functions run elsewhere. `files`: large bodies are open files.
    `in_use` says of an entry whether a running fill needs its head."""

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
        self.writer = DiskWriter(self)
        self.reconciler = Reconciler(self)
        self.folder_lost = self.reconciler.folder_lost
        self.on_removed: Callable[[Entry], object] | None = None
        """Told of every entry that leaves the cache, however."""
        self._in_use = in_use
        self._cached_heads: OrderedDict[Entry, DiskBody | None] = OrderedDict()

    def in_ram(self, entry: Entry) -> bool:
        """Whether RAM has it: its body, or the whole of an object in slices."""
        return entry.body is not None or (entry.slice > 0 and self.ram.holds(entry))

    def touch(self, entry: Entry) -> None:
        """The entry served a viewer."""
        if entry.body is not None:
            self.ram.touch(entry)
            return
        if entry.slice:
            self.ram.touch(entry)
        if self.disk is not None:
            self.disk.touch(entry)

    # -- coming ------------------------------------------------------------------------------------------------

    def fits(self, cost: int) -> bool:
        """Whether any tier would keep an object of this cost."""
        return self.ram.fits(cost) or (self.disk is not None and self.disk.fits(cost, self.clock.mono()))

    def store(self, entry: Entry, body: Body) -> bool:
        """Keep a whole response, in place of the alternate it replaces; False when no tier has room for it.

        The whole of an object in slices comes with its length set and no body; its slices come as entries of their own.
        """
        if not entry.slice:
            entry.length = len(body)
        in_ram, disk, cost = self.ram.fits(entry.cost), self.disk, entry.cost
        room = disk is not None and disk.fits(cost, self.clock.mono()) and self.writer.has_room(cost)
        self.counts.disk_skipped += disk is not None and not room
        to_disk = room and disk is not None and disk.admits(entry)
        if not in_ram and not to_disk:
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
        """Its body is in RAM from now on, if RAM takes it; for others there may be no room any more."""
        if not self.ram.fits(entry.cost):
            self.release_head(entry, body)
            return
        self._cached_heads.pop(entry, None)
        for left in self.ram.put(entry, None if entry.slice else body):
            self._on_ram_evicted(left)

    def adopt(self, entries: Iterable[Entry]) -> None:
        """Take in what the disk tier found at start, oldest first; slices without their whole go."""
        disk, slices = self.disk, list[Entry]()
        if disk is None:
            return
        for entry in entries:
            number, entry.disk = entry.disk, None
            if number is None:
                continue
            self._insert(entry)
            if victims := disk.put(entry, number):
                self.remover.remove_later(self._drop_from_disk(victims))
            if is_slice(entry.key):
                slices.append(entry)
        for entry in slices:
            if not self.index.has_whole(entry):
                self.forget(entry)

    def _insert(self, entry: Entry) -> None:
        for other in self.index.replaced_by(entry):
            same = other.slice and (other.slice, other.mark, other.length) == (entry.slice, entry.mark, entry.length)
            self.forget(other, with_slices=not same)
        self.index.insert(entry)

    # -- leaving -----------------------------------------------------------------------------------------------

    def forget(self, entry: Entry, *, with_slices: bool = True) -> None:
        """Out of the index and both tiers, its slices too; its file is on its way out, be it still being written."""
        self.index.remove(entry)
        self.ram.drop(entry)
        self._cached_heads.pop(entry, None)
        if entry.slice and with_slices:
            self._forget_slices(entry)
        if (disk := self.disk) is not None:
            for name in (disk.drop(entry), self.writer.file_of(disk, entry)):
                if name is not None:
                    self.remover.remove_later((name,))
        if self.on_removed is not None:
            self.on_removed(entry)

    def forget_file(self, disk: DiskTier, entry: Entry) -> None:
        """Its file is not there: what is in RAM goes on from there."""
        if self.in_ram(entry):
            disk.drop(entry)
        else:
            self.forget(entry)

    def _forget_slices(self, whole: Entry) -> None:
        """Those of an object that has left; of a large one in steps, until the same is stored again."""
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
        entry, disk, cost = left.entry, self.disk, left.entry.cost
        self.counts.evicted_ram += 1
        if entry.disk is not None or self.writer.holds(entry):
            self.release_head(entry, left.body)
        elif (
            left.was_wanted
            and left.body is not None
            and disk is not None
            and disk.fits(cost, self.clock.mono())
            and self.writer.has_room(cost)
        ):
            self.counts.demoted += 1
            self.writer.start_write(disk, entry, left.body)
        else:
            self.forget(entry)

    async def evict_from_disk(self, victims: list[Entry]) -> None:
        """The disk tier has no room for these: until their files are gone."""
        await self.remover.remove(self._drop_from_disk(victims))

    def _drop_from_disk(self, victims: list[Entry]) -> list[str]:
        """Books of it; names of the files that are still to be removed."""
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
        """The body of an entry that has left RAM, back there without a read: when its file, whose sums were verified
        after it was opened, is open still, nobody has changed it and its pages are in memory."""
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
        """An entry that is not in RAM: its head is let go, and its verified file closed, when those of many others were
        asked for since."""
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
