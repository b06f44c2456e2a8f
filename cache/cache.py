"""The segment cache: peek, fill, load, purge, stats. The one door to the tiers.

Behind it: which entries are stored and where (`tiers`), what is on its way to disk (`writing`), from it (`loading`) and
out of it (`leaving`), the running fills (`collapse`), and `purge`. Everything runs on the loop, in one thread; only the
plain disk functions of `disk` run elsewhere, by the workshop's `offload`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence

from cache.body import Body, Pieces, make_body
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
    """See the module. `disk` None: RAM only. `files`: large bodies in RAM are open files, to be sent by `sendfile`:
    those of the disk tier where there is one."""

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
        self.counts = self.tiers.counts
        # The calls of every request and every fill, without a call between.
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
        """Whether a running fill asks for news of this entry."""
        return entry.key in self.fill_table

    def is_servable(self, entry: Entry, body: Body, now: float) -> bool:
        """Whether a body in RAM may be sent as it is; what is not leaves RAM, so that `load` reads and checks it."""
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
        """A new fill that others may find by its key; `request`: the fields that tell which alternate it asks for."""
        fill = Fill(key, self.clock.mono(), stale, request)
        self.fill_table.register(fill)
        return fill

    def fits(self, cost: int) -> bool:
        """Whether any tier would keep an object of this cost."""
        return self.tiers.fits(cost)

    def fits_in_ram(self, cost: int) -> bool:
        """Whether an object of this cost is stored for certain once it is whole: what goes to disk alone may not be
        admitted, and its write may fail."""
        return self.ram.fits(cost)

    def fits_without_eviction(self, cost: int) -> bool:
        """Whether so much more would push out nothing that was asked for since it came; asked before a prefetch."""
        return self.disk.fits_without_eviction(cost) if self.disk is not None else self.ram.fits_without_eviction(cost)

    @property
    def max_sliced_bytes(self) -> int:
        """Bytes of an object in slices that surely has room as a whole: half of the larger tier."""
        disk = self.tiers.disk
        return max(self.tiers.ram.budget, disk.budget if disk is not None else 0) // 2

    def assemble(self, pieces: Sequence[bytes]) -> Body:
        """A whole body of the pieces that came, as `store` likes it best."""
        if self.disk is None:
            return make_body(pieces, files=self.files)
        return pieces[0] if len(pieces) == 1 else Pieces(pieces)

    def store(self, entry: Entry, body: Body) -> bool:
        """Keep a whole response, in place of the alternate it replaces; False when no tier has room for it.

        The whole of an object in slices (`entry.slice`) comes with its length set and no body; forgotten or evicted, it
        takes its slices along, unless what replaces it has the same mark and length.
        """
        self._misses.forget(entry.key)
        return self.tiers.store(entry, body)

    async def wait_written(self, entry: Entry) -> None:
        """Until a stored entry is no longer on its way to disk, however that ended: at once where it never was."""
        if self.tiers.writer.holds(entry):
            await asyncio.wait([self.tiers.writer.end_of(entry)])

    def remember_miss(self, key: bytes, seconds: float) -> None:
        """The answer may not be shared: whoever asks in the next seconds goes alone (hit-for-miss)."""
        self._misses.remember(key, self.clock.mono() + seconds)

    def is_hit_for_miss(self, key: bytes, now: float) -> bool:
        """Whether an answer for this key lately was not for sharing."""
        return self._misses.holds(key, now)

    # -- what is stored ----------------------------------------------------------------------------------------

    def adopt(self, found: RecoveredObjects) -> None:
        """Take in what the disk tier found at start; `sweep_disk` then compares it with what is there."""
        self.tiers.adopt(found.entries.values())

    def forget(self, entry: Entry) -> None:
        """Drop an entry that a newer response has made invalid."""
        self.tiers.forget(entry)

    def freshen(self, entry: Entry, fields: Fields, verdict: Verdict, *, doomed: bool) -> None:
        """A 304 said that the entry, which is warm, still holds. Asked for before a purge (`doomed`) it says nothing of
        now."""
        if doomed:
            return
        before = entry.surrogates
        entry.freshen(fields, verdict, self.clock.mono())
        if self.tiers.index.holds(entry):
            self.tiers.index.rekey(entry, before)
            self.tiers.writer.write_head_later(entry)

    async def purge(self, request: PurgeRequest) -> Receipt:
        """Remove (hard) or mark stale (soft) what the request reaches; how many objects. Returns when it is done
        in every tier: a GET after it never gets the old bytes, a fill begun before it stores nothing."""
        return await purge(self.tiers, self.fill_table, request)

    def set_notice_listener(self, told: Callable[[CacheNotice], object]) -> None:
        """Have `told` called with what an operator should know of the disk tier's folder."""
        self.tiers.reconciler.on_notice = told

    @property
    def is_disk_off(self) -> bool:
        """Whether there is a disk tier, and it is out of use."""
        return self.disk is not None and self.disk.is_off

    async def hand_over_disk(self) -> None:
        """Give the disk tier's folder to a successor, when all that is on its way there or has to go is done. From then
        on it is only read; what is fetched stays in RAM."""
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
        """The cache's part of GET /stats."""
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
