"""Purge: what it reaches leaves every tier, or is marked stale in each, before the receipt is given."""

from __future__ import annotations

import asyncio
from functools import partial

from cache.collapse import Filling
from cache.disk import Head
from cache.entry import Entry
from cache.index import PurgeRequest
from cache.slices import is_slice
from cache.tiers import Tiers
from kernel.clock import Instant

STEP = 500
"""Objects purged before the loop may turn to hits again."""


class Receipt(int):
    """How many objects a purge reached, an object in slices once.

    `left`: how many files could be neither removed nor marked, so that the next start might take them for objects.
    """

    left: int = 0


async def purge(tiers: Tiers, filling: Filling, request: PurgeRequest) -> Receipt:
    """Remove (hard) or mark stale (soft). Returns when it is done in every tier: a GET after it never gets the old
    bytes, a fill begun before it stores nothing, and no start brings them back but what `left` says."""
    filling.purge(request)
    # A file that appears, or still lies there, after the receipt would come back at the next start.
    under_way = {tiers.writing.end_of(e) for e in tiers.writing if request.reaches(e.key, e.surrogates)}
    gone, softened, reached = list(tiers.leaving), list[Entry](), 0
    for entries in tiers.index.reached(request, STEP):
        for entry in entries:
            if not tiers.index.holds(entry):  # a slice that left with its whole
                continue
            reached += not is_slice(entry.key)
            if request.soft:
                entry.make_stale(tiers.clock.mono())
                softened.append(entry)
            elif (name := tiers.forget(entry)) is not None:
                gone.append(name)
        await asyncio.sleep(0)
    if under_way:
        await asyncio.wait(under_way)
    gone += await _mark_stale(tiers, softened)
    receipt = Receipt(reached)
    receipt.left = await tiers.leaving.gone(gone)
    tiers.counts.purged += reached
    return receipt


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
