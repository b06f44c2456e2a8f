"""Background prefetches, which no player waits for: control's hot list and jobs, a few at a time, within the budget.

They evict nothing that viewers have requested: if a tier would have to, they are dropped.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from typing import NamedTuple

from cache.cache import SegmentCache
from edge.policy.route import RoutedRequest
from edge.prefetch.accounting import Budget, PrefetchAccounting
from edge.prefetch.predictor import PrefetchPredictor
from edge.prefetch.scheduler import PrefetchRequest, PrefetchScheduler
from edge.prefetch.segment_index import RenditionIndex, SegmentIndex
from edge.tasks import TaskOwner
from kernel.clock import Clock, Timer
from kernel.fetch_reasons import PrefetchEnd
from kernel.fleet.hot_list import HotRow
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


LOOK_AGAIN = 300.0
"""Seconds after which what is on the list is brought again where it is gone."""
MAX_PLAYLISTS = 40
"""Playlists read to find a rendition."""
MASTERS = (b"master.m3u8", b"manifest.mpd")


class HotList:
    """`take` a list: it is worked off by a task of its own, and looked at again now and then. `region` stands in the
    paths where no viewer has asked for the title yet."""

    def __init__(
        self,
        unhurried: BackgroundPrefetcher,
        foresight: PrefetchPredictor,
        outlines: SegmentIndex,
        clock: Clock,
        tasks: TaskOwner,
        region: bytes,
    ) -> None:
        self._unhurried = unhurried
        self._foresight = foresight
        self._outlines = outlines
        self._clock = clock
        self._tasks = tasks
        self._region = region
        self._changed = self._running = False
        self._timer: Timer | None = None
        self._looked: dict[HotRow, float] = {}
        self.rows: tuple[HotRow, ...] = ()

    def take(self, rows: Sequence[HotRow]) -> None:
        """The list is this from now on: what rises comes first."""
        self.rows = tuple(sorted(rows, key=lambda row: not row.urgent))
        still = set(self.rows)
        self._looked = {row: at for row, at in self._looked.items() if row in still}
        self._changed = True
        self._wake()

    def stop(self) -> None:
        """Look no more."""
        if self._timer is not None:
            self._timer.cancel()

    def _wake(self) -> None:
        if not self._running and self.rows:
            self._running = True
            self._tasks.spawn(self._run())

    async def _run(self) -> None:
        """Bring what is on the list, and later what has gone again."""
        try:
            while self._changed:
                self._changed = False
                await self._once()
        finally:
            self._running = False
        self.stop()
        self._timer = self._clock.call_later(LOOK_AGAIN, self._again)

    def _again(self) -> None:
        self._changed = True
        self._wake()

    async def _once(self) -> None:
        for row in self.rows:
            if self._changed:
                return
            if self._clock.mono() >= self._looked.get(row, 0.0):
                self._looked[row] = self._clock.mono() + LOOK_AGAIN
                await self._bring(row)

    async def _bring(self, row: HotRow) -> None:
        title = row.content_id.encode("ascii")
        outline = await self._outline(row, title)
        if outline is None:
            return
        pieces = outline.first(row.segments)
        for at in range(0, len(pieces), AT_A_TIME):
            if self._changed and not row.urgent:
                self._looked.pop(row, None)
                return
            some = [PrefetchRequest(self._path(title, one.key), "hot", row.content_id, one.range, row.urgent) for one in
                    pieces[at : at + AT_A_TIME]]  # fmt: skip
            found = await asyncio.gather(*(self._unhurried.fetch(wish) for wish in some))
            if any(one.how is PrefetchEnd.FULL for one in found):
                return

    async def _outline(self, row: HotRow, title: bytes) -> RenditionIndex | None:
        """The rendition's outline: known, or read of the title's playlists."""
        rendition = row.rendition.encode("ascii")
        outline = self._outlines.of(title, rendition)
        for master in MASTERS:
            if outline is None and (await self._read(row, title + b"/" + master)).there:
                outline = self._outlines.of(title, rendition) or await self._read_all(row, title, rendition)
        return outline

    async def _read_all(self, row: HotRow, title: bytes, rendition: bytes) -> RenditionIndex | None:
        keys = self._outlines.playlists(title)
        folder = title + b"/" + (rendition + b"/" if rendition else b"")
        for key in sorted(keys, key=lambda key: not key.startswith(folder))[:MAX_PLAYLISTS]:
            await self._read(row, key)
            if (outline := self._outlines.of(title, rendition)) is not None:
                return outline
        return None

    async def _read(self, row: HotRow, key: bytes) -> PrefetchResult:
        wish = PrefetchRequest(self._path(row.content_id.encode("ascii"), key), "hot", row.content_id, None, row.urgent)
        brought = await self._unhurried.fetch(wish)
        if brought.there:
            await self._foresight.learn(wish.path)
        return brought

    def _path(self, title: bytes, key: bytes) -> bytes:
        return b"/cdn/" + (self._outlines.region(title) or self._region) + b"/" + key
