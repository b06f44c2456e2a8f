"""Prefetches that no player waits for: hot lists and jobs, a few at a time, as the budget allows, behind all others.

They push out nothing that is hotter: where the tier would have to give up what was asked for, they are left.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import NamedTuple

from cache.cache import SegmentCache
from edge.policy.route import RoutedRequest
from edge.prefetch.accounting import PrefetchAccounting
from edge.prefetch.budget import Budget
from edge.prefetch.scheduler import PrefetchRequest, PrefetchScheduler
from edge.tasks import TaskOwner
from kernel.clock import Clock
from kernel.fetch_reasons import PrefetchEnd
from system.clock import sleep

AT_A_TIME = 4
WORKERS = 4
MAX_WAITING = 20_000
"""Wishes of jobs in line."""
PAUSE = 1.0
"""Seconds after which an edge that had too much to do is looked at again."""
EXPECTED_SIZE = 4 << 20
"""Bytes for which there has to be room that nobody hotter has."""


class PrefetchResult(NamedTuple):
    """How it ended and the bytes that came."""

    how: PrefetchEnd
    bytes: int = 0

    @property
    def there(self) -> bool:
        """Whether it lies here now."""
        return self.how in (PrefetchEnd.FETCHED, PrefetchEnd.ALREADY_CACHED)


Done = Callable[[PrefetchRequest, PrefetchResult], object]


class BackgroundPrefetcher:
    """See the module."""

    def __init__(
        self,
        prefetcher: PrefetchScheduler,
        cache: SegmentCache,
        ledger: PrefetchAccounting,
        budget: Budget,
        clock: Clock,
        tasks: TaskOwner,
    ) -> None:
        self._prefetcher = prefetcher
        self._cache = cache
        self._ledger = ledger
        self.budget = budget
        self._clock = clock
        self._tasks = tasks
        self._places = asyncio.Semaphore(AT_A_TIME)
        self._line: deque[tuple[PrefetchRequest, Done | None]] = deque()
        self._workers = 0
        self.ends: dict[PrefetchEnd, int] = {}

    def queue(self, wish: PrefetchRequest, done: Done | None = None) -> bool:
        """Bring it when its turn comes, then tell `done`; False when it can be none of ours, or too many wait."""
        if self._prefetcher.asks(wish) is None or len(self._line) >= MAX_WAITING:
            return False
        self._line.append((wish, done))
        if self._workers < WORKERS:
            self._workers += 1
            self._tasks.spawn(self._work())
        return True

    async def _work(self) -> None:
        try:
            while self._line:
                wish, done = self._line.popleft()
                brought = await self.fetch(wish)
                if done is not None:
                    done(wish, brought)
        finally:
            self._workers -= 1

    async def fetch(self, wish: PrefetchRequest) -> PrefetchResult:
        """Bring it, as soon as the budget allows."""
        found = await self._bring(wish)
        self.ends[found.how] = self.ends.get(found.how, 0) + 1
        return found

    async def _bring(self, wish: PrefetchRequest) -> PrefetchResult:
        asked = self._prefetcher.asks(wish)
        if asked is None:
            return PrefetchResult(PrefetchEnd.REFUSED)
        if self._prefetcher.has(asked, wish):
            return PrefetchResult(PrefetchEnd.ALREADY_CACHED)
        while True:
            await self._wait(wish)
            async with self._places:
                if self._budget_wait(wish) <= 0.0:
                    return await self._begin(wish, asked)

    def _budget_wait(self, wish: PrefetchRequest) -> float:
        if self._prefetcher.overloaded():
            return PAUSE
        return self.budget.wait(self._clock.mono(), self._clock.wall(), urgent=wish.urgent)

    async def _wait(self, wish: PrefetchRequest) -> None:
        while (seconds := self._budget_wait(wish)) > 0.0:
            await sleep(self._clock, seconds)

    async def _begin(self, wish: PrefetchRequest, asked: RoutedRequest) -> PrefetchResult:
        if self._prefetcher.has(asked, wish):
            return PrefetchResult(PrefetchEnd.ALREADY_CACHED)
        if not self._ledger.allows(wish.cause, self._clock.mono()):
            return PrefetchResult(PrefetchEnd.THROTTLED)
        if self.budget.full or not self._cache.fits_without_eviction(EXPECTED_SIZE):
            return PrefetchResult(PrefetchEnd.FULL)
        ended: asyncio.Future[PrefetchResult] = asyncio.get_running_loop().create_future()

        def over(how: PrefetchEnd, came: int) -> None:
            if not ended.done():
                ended.set_result(PrefetchResult(how, came))

        self._prefetcher.start(wish, asked, over)
        found = await ended
        if found.bytes:
            self.budget.brought(asked.key, found.bytes)
        return found
