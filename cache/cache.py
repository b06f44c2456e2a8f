"""The segment cache, the public interface of this package: peek, fill, store, load, purge, stats.

It combines the stored entries (`cache.tiers`), the running fills (`cache.fills`), loads from disk
(`cache.disk.disk_loader`) and purges (`cache.purge`). Everything runs on the event loop, in one thread; only the plain
file functions of `cache.disk` run in threads, through `TaskRunner.offload`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from weakref import WeakSet

from cache.body import Body, Chunk, Pieces, SpoolFile, make_body
from cache.counts import CacheCounts
from cache.disk.disk_loader import DiskLoader
from cache.disk.recovery import RecoveredObjects
from cache.disk.tier import DiskTier
from cache.entry import Entry
from cache.fills.fill import Fill
from cache.fills.fill_table import FillTable
from cache.fills.hit_for_miss import HitForMiss
from cache.index import PurgeRequest
from cache.leases import Leases
from cache.purge import Receipt, purge
from cache.ram import RamTier
from cache.tasks import TaskRunner
from cache.tiers import Tiers
from kernel.clock import Clock
from kernel.http.freshness import Verdict
from kernel.http.message import Fields
from kernel.vocabulary import CacheNotice

__all__ = ["CacheCounts", "PurgeRequest", "Receipt", "SegmentCache", "TaskRunner"]


class SegmentCache:
    """See the module. Without `disk` it is a cache in RAM only. With `files` large bodies in RAM are open files, so
    that `sendfile` can send them: the object files of the disk tier if there is one."""

    def __init__(
        self, ram: RamTier, disk: DiskTier | None, clock: Clock, workshop: TaskRunner, *, files: bool = False
    ) -> None:
        self.ram = ram
        self.disk = disk
        self.files = files
        self.clock = clock
        self.fill_table = FillTable()
        self.tiers = Tiers(ram, disk, clock, workshop, self._in_use, files=files)
        self._loading = DiskLoader(self.tiers)
        self.leases = Leases(self.tiers)
        self._misses = HitForMiss()
        self._spools: WeakSet[SpoolFile] = WeakSet()
        self.after_purge: Callable[[], Awaitable[object]] | None = None
        """Awaited before a purge returns: other processes that serve from these files have dropped what it reached."""
        self.counts = self.tiers.counts
        # Bound methods: requests and fills call these often, so skip one level of calls.
        self.peek = self.tiers.index.peek
        self.stored = self.alternates = self.tiers.index.get
        self.touch = self.tiers.touch
        self.untouch = ram.untouch
        self.reopen_body = self.tiers.reopen_body
        self.load = self._loading.load
        self.load_head = self._loading.load_head
        self.end_fill = self.fill_table.remove
        self.sweep_disk = self.tiers.reconciler.sweep_disk
        self.check_folder = self.tiers.reconciler.check_folder

    def _in_use(self, entry: Entry) -> bool:
        """Whether a running fill may revalidate this entry, so that its head must stay in RAM."""
        return entry.key in self.fill_table

    def is_servable(self, entry: Entry, body: Body, now: float) -> bool:
        """Whether a body in RAM can be sent unchecked at `now`; otherwise it leaves RAM and `load` must read it
        again."""
        if isinstance(body, bytes) or body.is_servable(now):
            return True
        self.ram.drop(entry)
        if entry.disk is None:
            self.forget(entry)
        else:
            self.tiers.release_head(entry)
        return False

    # -- fill --------------------------------------------------------------------------------------------------

    def start_fill(self, key: bytes, stale: Entry | None = None, request: Mapping[bytes, bytes] | None = None) -> Fill:
        """A new fill that later requests for `key` can join. `request`: the request fields, to tell alternates
        apart."""
        fill = Fill(key, self.clock.mono(), stale, request)
        self.fill_table.register(fill)
        return fill

    def fits(self, cost: int) -> bool:
        """Whether any tier accepts an object of `cost` bytes."""
        return self.tiers.fits(cost)

    def fits_in_ram(self, cost: int) -> bool:
        """Whether an object of `cost` bytes is certain to be stored when complete: a disk-only object may not be
        admitted, and its write may fail."""
        return self.ram.fits(cost)

    def fits_without_eviction(self, cost: int) -> bool:
        """Whether `cost` more bytes would evict only objects without a hit; asked before a prefetch."""
        return self.disk.fits_without_eviction(cost) if self.disk is not None else self.ram.fits_without_eviction(cost)

    @property
    def max_sliced_bytes(self) -> int:
        """The largest sliced object, in bytes, that is sure to fit as a whole: half of the larger tier."""
        disk = self.tiers.disk
        return max(self.tiers.ram.budget, disk.budget if disk is not None else 0) // 2

    @property
    def spooled_bytes(self) -> int:
        """Bytes of all spool files, also of complete bodies that a slow reader still reads."""
        return sum(map(len, self._spools))

    @property
    def max_spooled_bytes(self) -> int:
        """How large they may grow: half of the tier that they are in."""
        return (self.ram if self.disk is None else self.disk).budget // 2

    def open_spool(self) -> SpoolFile | None:
        """A file for a body of unknown length: in the disk tier's folder, or in memory without a disk tier. None when
        the disk is out of use or no descriptor is free. Blocks for a moment."""
        disk = self.disk
        if disk is not None and not disk.fits(0, self.clock.mono()):
            return None
        try:
            file = SpoolFile(disk.folder / "tmp" if disk is not None else None)
        except OSError:
            return None
        self._spools.add(file)
        return file

    def assemble(self, pieces: Sequence[Chunk]) -> Body:
        """The complete body in the form that `store` handles at the least cost."""
        if self.disk is None:
            return make_body(pieces, files=self.files)
        only = pieces[0] if len(pieces) == 1 else None
        return only if isinstance(only, bytes) else Pieces(pieces)

    def store(self, entry: Entry, body: Body) -> bool:
        """Store a complete response in place of the alternate it replaces; False when no tier has room for it.

        The entry of a sliced object (`entry.slice`) has its length set and an empty body. When it is forgotten or
        evicted, its slices go too, unless its replacement has the same mark and length.
        """
        self._misses.forget(entry.key)
        return self.tiers.store(entry, body)

    async def wait_written(self, entry: Entry) -> None:
        """Wait until no write of this entry is pending, whether it succeeded or failed."""
        if self.tiers.writer.holds(entry):
            await asyncio.wait([self.tiers.writer.end_of(entry)])

    def remember_miss(self, key: bytes, seconds: float) -> None:
        """The response cannot be shared: requests in the next `seconds` do not wait for each other (hit-for-miss)."""
        self._misses.remember(key, self.clock.mono() + seconds)

    def is_hit_for_miss(self, key: bytes, now: float) -> bool:
        """Whether a recent response for this key could not be shared."""
        return self._misses.holds(key, now)

    # -- stored entries ----------------------------------------------------------------------------------------

    def adopt(self, found: RecoveredObjects) -> None:
        """Add the entries recovered at start; `sweep_disk` then compares them with the folder."""
        self.tiers.adopt(found.entries.values())

    def forget(self, entry: Entry) -> None:
        """Remove an entry from every tier, for instance when a newer response invalidates it."""
        self.tiers.forget(entry)

    def freshen(self, entry: Entry, fields: Fields, verdict: Verdict, *, doomed: bool) -> None:
        """Renew a warm entry after a 304. A 304 requested before a purge (`doomed`) is ignored: it may confirm what the
        purge was to remove."""
        if doomed:
            return
        before = entry.surrogates
        entry.freshen(fields, verdict, self.clock.mono())
        if self.tiers.index.holds(entry):
            self.tiers.index.rekey(entry, before)
            self.tiers.writer.write_head_later(entry)

    def has_all_slices(self, entry: Entry) -> bool:
        """Whether every slice of a sliced object is stored."""
        return None not in self.tiers.index.slices_of(entry)

    def make_stale(self, entry: Entry) -> None:
        """End the freshness of an entry now."""
        entry.make_stale(self.clock.mono())
        self.tiers.report_change(entry)

    async def purge(self, request: PurgeRequest) -> Receipt:
        """Remove (hard) or mark stale (soft) what the request reaches; returns how many objects, once it is done in
        every tier: a later GET never gets the old bytes, and a fill started before it stores nothing."""
        receipt = await purge(self.tiers, self.fill_table, request)
        if self.after_purge is not None:
            await self.after_purge()
        return receipt

    def set_notice_listener(self, listener: Callable[[CacheNotice], object]) -> None:
        """Call `listener` with notices about the disk tier's folder that the operator should see."""
        self.tiers.reconciler.on_notice = listener

    @property
    def is_disk_off(self) -> bool:
        """Whether there is a disk tier and it is out of use."""
        return self.disk is not None and self.disk.is_off

    async def hand_over_disk(self) -> None:
        """Finish pending writes and removals, then release the disk tier's folder to a successor process. From then on
        it is only read, and fetched objects stay in RAM."""
        disk, tiers = self.disk, self.tiers
        if disk is None or disk.is_sealed:
            return
        disk.is_draining = True
        while tiers.writer or tiers.remover:
            for entry in tuple(tiers.writer):
                await self.wait_written(entry)
            await tiers.remover.wait_empty()
        await tiers.task_runner.offload(disk.seal)

    # -- numbers -----------------------------------------------------------------------------------------------

    def stats(self) -> dict[str, int]:
        """The cache's fields of GET /stats."""
        disk = self.disk
        return {
            "ram_bytes": self.ram.used,
            "disk_bytes": disk.used if disk is not None else 0,
            "objects": len(self.tiers.index),
            "fills_running": len(self.fill_table),
            "disk_resting": int(disk is not None and disk.is_suspended(self.clock.mono())),
            "disk_off": int(self.is_disk_off),
            "disk_stuck": self.tiers.remover.stuck,
        }
