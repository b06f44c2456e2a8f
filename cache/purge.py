"""Purge: remove what it reaches from every tier, or mark it stale, before the receipt is returned."""

from __future__ import annotations

import asyncio
from functools import partial

from cache.disk.tier import PAGE, DiskFull, Head
from cache.entry import Entry
from cache.fills.fill_table import FillTable
from cache.index import PurgeRequest
from cache.slices import is_slice
from cache.tiers import Tiers
from kernel.clock import Instant
from kernel.errors import StorageFailed

STEP = 200
"""Objects purged before the loop serves hits again: a millisecond or two."""


class Receipt(int):
    """How many objects a purge reached; a sliced object counts once.

    `unrecorded_files`: files whose removal could not be recorded, so that a later start might serve them again; it
    counts those of this purge and of earlier removals.
    """

    unrecorded_files: int = 0


class _Pace:
    """Yields to the event loop after every `STEP` objects, so that hits are not delayed."""

    done = 0

    async def step(self) -> None:
        """Count one object."""
        self.done += 1
        if self.done % STEP == 0:
            await asyncio.sleep(0)


async def purge(tiers: Tiers, filling: FillTable, request: PurgeRequest) -> Receipt:
    """Remove (hard) or mark stale (soft). Returns when it is done in every tier: a later GET never gets the old bytes,
    a fill started before it stores nothing, and no restart brings them back, except `Receipt.unrecorded_files`.

    After a restart only files that the disk index names are served. So it is necessary and sufficient that the index
    records every removal so far, and that the record is durable."""
    filling.purge(request)
    # Race: a file whose write ends after the receipt would be served again after a restart, so wait for these writes.
    under_way = {tiers.writer.end_of(e) for e in tiers.writer if request.reaches(e.key, e.surrogates)}
    softened: dict[Entry, None] = {}
    pace, reached = _Pace(), 0
    for entries in tiers.index.iter_reached(request, STEP):
        for entry in entries:
            if not tiers.index.holds(entry) or entry in softened:
                continue
            reached += not is_slice(entry.key)
            if request.soft:
                entry.make_stale(tiers.clock.mono())
                softened[entry] = None
            else:
                await _remove(tiers, entry, pace)
            await pace.step()
        await asyncio.sleep(0)
    for entry in softened:
        tiers.report_change(entry)
    if under_way:
        await asyncio.wait(under_way)
    await _mark_stale(tiers, list(softened))
    receipt = Receipt(reached)
    receipt.unrecorded_files = await _sync_removals(tiers)
    tiers.counts.purged += reached
    return receipt


async def _sync_removals(tiers: Tiers) -> int:
    """Make all removals durable; returns for how many files that failed.

    On a full disk, evict some objects and try once more."""
    disk = tiers.disk
    if disk is None:
        return 0
    for last in (False, True):
        await tiers.remover.wait_empty()
        try:
            await tiers.task_runner.offload(disk.sync_removals)
        except DiskFull:
            if not last:
                await tiers.evict_from_disk(disk.evict_on_full_disk(PAGE))
        except StorageFailed:
            break
        else:
            return 0
    return max(1, disk.pending_removals)


async def _remove(tiers: Tiers, entry: Entry, pace: _Pace) -> None:
    """Remove an entry from all tiers, then its slices if it is a sliced object."""
    tiers.forget(entry, with_slices=False)
    for part in tiers.index.slices_of(entry) if entry.slice else ():
        if part is not None:
            tiers.forget(part)
        await pace.step()


async def _mark_stale(tiers: Tiers, softened: list[Entry]) -> None:
    """Mark entries stale in the disk index, `STEP` at a time; remove what cannot be marked."""
    disk = tiers.disk
    if disk is None:
        return
    for at in range(0, len(softened), STEP):
        now = Instant(tiers.clock.wall(), tiers.clock.mono())
        there: dict[str, tuple[Entry, Head]] = {
            disk.file_name(entry.key, entry.disk): (entry, entry.to_index(now))
            for entry in softened[at : at + STEP]
            if entry.disk is not None
        }
        lines = [(name, line) for name, (_, line) in there.items()]
        if not lines:
            continue
        for name in await tiers.task_runner.offload(partial(disk.mark_stale, lines)):
            tiers.forget(there[name][0])
