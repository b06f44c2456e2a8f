"""Mark stale what was stored before a gap in the purge log: it may have been purged while nobody told this node.

Such objects are revalidated before use; on an upstream error they may be served as long as stale-if-error allows.
"""

from __future__ import annotations

import asyncio

from cache.index import PurgeRequest
from cache.interning import intern
from cache.slices import is_slice
from cache.tiers import Tiers

STEP = 500
"""Cache keys examined before the loop serves requests again."""


async def mark_stale_before(tiers: Tiers, before: float) -> int:
    """Mark stale what was stored before `before` (monotonic seconds), in a cache that serves nobody yet; returns how
    many objects.

    The marks are in memory only: a later start that receives the missed purges does not need them.
    """
    marked, now = 0, tiers.clock.mono()
    for entries in tiers.index.iter_reached(PurgeRequest(everything=True), STEP):
        for entry in entries:
            if entry.born >= before or is_slice(entry.key):  # a slice is only used through its sliced object
                continue
            entry.make_stale(now)
            swr, sie, must = entry.windows
            entry.windows = intern((0.0, max(swr, sie), must))
            marked += 1
        await asyncio.sleep(0)
    return marked
