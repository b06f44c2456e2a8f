"""Purge: what it reaches leaves every tier, or is marked stale in each, before the receipt is given."""

from __future__ import annotations

import asyncio
from functools import partial
from itertools import islice

from cache.collapse import Filling
from cache.disk import Head
from cache.entry import Entry
from cache.index import PurgeRequest
from cache.slices import is_slice
from cache.tiers import Tiers
from kernel.clock import Instant

STEP = 200
"""Objects purged before the loop may turn to hits again: a millisecond or two."""
MOST_WATCHED = 10_000
"""Files already on their way out when a purge begins, of which it says whether they went."""


class Receipt(int):
    """How many objects a purge reached, an object in slices once.

    `left`: how many files could be neither removed nor marked, so that the next start might take them for objects.
    """

    left: int = 0


class _Pace:
    """Lets the loop turn to hits after each `STEP` objects."""

    done = 0

    async def one(self) -> None:
        """One object more is done."""
        self.done += 1
        if self.done % STEP == 0:
            await asyncio.sleep(0)


async def purge(tiers: Tiers, filling: Filling, request: PurgeRequest) -> Receipt:
    """Remove (hard) or mark stale (soft). Returns when it is done in every tier: a GET after it never gets the old
    bytes, a fill begun before it stores nothing, and no start brings them back but what `left` says."""
    filling.purge(request)
    # A file that appears, or still lies there, after the receipt would come back at the next start.
    under_way = {tiers.writing.end_of(e) for e in tiers.writing if request.reaches(e.key, e.surrogates)}
    gone = list(islice(tiers.leaving, MOST_WATCHED))
    softened: dict[Entry, None] = {}
    pace, reached = _Pace(), 0
    for entries in tiers.index.reached(request, STEP):
        for entry in entries:
            if not tiers.index.holds(entry) or entry in softened:
                continue
            reached += not is_slice(entry.key)
            if request.soft:
                entry.make_stale(tiers.clock.mono())
                softened[entry] = None
            else:
                gone += await _removed(tiers, entry, pace)
            await pace.one()
        await asyncio.sleep(0)
    if under_way:
        await asyncio.wait(under_way)
    gone += await _mark_stale(tiers, list(softened))
    receipt = Receipt(reached)
    receipt.left = await tiers.leaving.gone(gone)
    tiers.counts.purged += reached
    return receipt


async def _removed(tiers: Tiers, entry: Entry, pace: _Pace) -> list[str]:
    """Out of all tiers, after a whole its slices too; names of the files on their way out."""
    names = [tiers.forget(entry, with_slices=False)]
    for part in tiers.index.slices_of(entry) if entry.slice else ():
        if part is not None:
            names.append(tiers.forget(part))
        await pace.one()
    return [name for name in names if name is not None]


async def _mark_stale(tiers: Tiers, softened: list[Entry]) -> list[str]:
    """In the files, a step at a time; what cannot be marked has to go: names of its files."""
    disk, gone = tiers.disk, list[str]()
    if disk is None:
        return gone
    for at in range(0, len(softened), STEP):
        now = Instant(tiers.clock.wall(), tiers.clock.mono())
        there: dict[str, tuple[Entry, Head]] = {
            disk.name(entry.key, entry.disk): (entry, entry.to_index(now))
            for entry in softened[at : at + STEP]
            if entry.disk is not None
        }
        lines = [(name, line) for name, (_, line) in there.items()]
        if not lines:
            continue
        for name in await tiers.workshop.offload(partial(disk.mark_stale, lines)):
            tiers.forget(there[name][0])
            gone.append(name)
    return gone
