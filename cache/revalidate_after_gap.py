"""Doubt: nobody can tell whether what was stored before some moment has been purged since.

It is revalidated before it is used again, and may stand in for an error as long as it might have.
"""

from __future__ import annotations

import asyncio

from cache.index import PurgeRequest
from cache.interning import intern
from cache.slices import is_slice
from cache.tiers import Tiers

STEP = 500
"""Cache keys looked at before the loop may turn."""


async def mark_stale_before(tiers: Tiers, before: float) -> int:
    """Make stale what was born before a moment (mono) of a cache that serves nobody yet; how many objects.

    In RAM alone: a start that hears of the purges it missed has no need to doubt.
    """
    doubted, now = 0, tiers.clock.mono()
    for entries in tiers.index.iter_reached(PurgeRequest(everything=True), STEP):
        for entry in entries:
            if entry.born >= before or is_slice(entry.key):  # slices are used with their whole alone
                continue
            entry.make_stale(now)
            swr, sie, must = entry.windows
            entry.windows = intern((0.0, max(swr, sie), must))
            doubted += 1
        await asyncio.sleep(0)
    return doubted
