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
from edge.prefetch.accounting import PrefetchAccounting, PrefetchBudget
from edge.prefetch.predictor import PrefetchPredictor
from edge.prefetch.scheduler import PrefetchRequest, PrefetchScheduler
from edge.prefetch.segment_index import RenditionIndex, SegmentIndex
from edge.tasks import TaskOwner
from kernel.clock import Clock, Timer
from kernel.fetch_reasons import PrefetchEnd
from kernel.fleet.hot_list import HotRow
from system.clock import sleep

MAX_PARALLEL = 4
WORKERS = 4
MAX_WAITING = 20_000
"""Prefetches of jobs that may be queued."""
OVERLOAD_PAUSE = 1.0
"""Seconds after which an overloaded edge is checked again."""
EXPECTED_SIZE = 4 << 20
"""Bytes that must fit without evicting anything that viewers requested."""


class PrefetchResult(NamedTuple):
    """How the prefetch ended, and the bytes fetched."""

    end: PrefetchEnd
    bytes: int = 0

    @property
    def is_cached(self) -> bool:
        """Whether the object is cached now."""
        return self.end in (PrefetchEnd.FETCHED, PrefetchEnd.ALREADY_CACHED)


OnPrefetched = Callable[[PrefetchRequest, PrefetchResult], object]


class BackgroundPrefetcher:
    """See the module."""

    def __init__(
        self,
        scheduler: PrefetchScheduler,
        cache: SegmentCache,
        accounting: PrefetchAccounting,
        budget: PrefetchBudget,
        clock: Clock,
        tasks: TaskOwner,
    ) -> None:
        self._scheduler = scheduler
        self._cache = cache
        self._accounting = accounting
        self.budget = budget
        self._clock = clock
        self._tasks = tasks
        self._slots = asyncio.Semaphore(MAX_PARALLEL)
        self._queue: deque[tuple[PrefetchRequest, OnPrefetched | None]] = deque()
        self._workers = 0
        self.ends: dict[PrefetchEnd, int] = {}

    def enqueue(self, prefetch: PrefetchRequest, done: OnPrefetched | None = None) -> bool:
        """Queue a prefetch and call `done` at its end. False if this edge cannot hold it, or the queue is full."""
        if self._scheduler.route(prefetch) is None or len(self._queue) >= MAX_WAITING:
            return False
        self._queue.append((prefetch, done))
        if self._workers < WORKERS:
            self._workers += 1
            self._tasks.spawn(self._work())
        return True

    async def _work(self) -> None:
        try:
            while self._queue:
                prefetch, done = self._queue.popleft()
                result = await self.fetch(prefetch)
                if done is not None:
                    done(prefetch, result)
        finally:
            self._workers -= 1

    async def fetch(self, prefetch: PrefetchRequest) -> PrefetchResult:
        """Fetch the object as soon as the budget allows."""
        found = await self._fetch_when_allowed(prefetch)
        self.ends[found.end] = self.ends.get(found.end, 0) + 1
        return found

    async def _fetch_when_allowed(self, prefetch: PrefetchRequest) -> PrefetchResult:
        routed = self._scheduler.route(prefetch)
        if routed is None:
            return PrefetchResult(PrefetchEnd.REFUSED)
        if self._scheduler.is_available(routed, prefetch):
            return PrefetchResult(PrefetchEnd.ALREADY_CACHED)
        while True:
            await self._wait_for_budget(prefetch)
            async with self._slots:
                if self._budget_wait(prefetch) <= 0.0:
                    return await self._fetch_now(prefetch, routed)

    def _budget_wait(self, prefetch: PrefetchRequest) -> float:
        if self._scheduler.overloaded():
            return OVERLOAD_PAUSE
        return self.budget.seconds_to_wait(self._clock.mono(), self._clock.wall(), urgent=prefetch.urgent)

    async def _wait_for_budget(self, prefetch: PrefetchRequest) -> None:
        while (seconds := self._budget_wait(prefetch)) > 0.0:
            await sleep(self._clock, seconds)

    async def _fetch_now(self, prefetch: PrefetchRequest, routed: RoutedRequest) -> PrefetchResult:
        if self._scheduler.is_available(routed, prefetch):
            return PrefetchResult(PrefetchEnd.ALREADY_CACHED)
        if not self._accounting.try_admit(prefetch.cause, self._clock.mono()):
            return PrefetchResult(PrefetchEnd.THROTTLED)
        if self.budget.is_full or not self._cache.fits_without_eviction(EXPECTED_SIZE):
            return PrefetchResult(PrefetchEnd.FULL)
        ended: asyncio.Future[PrefetchResult] = asyncio.get_running_loop().create_future()

        def on_end(how: PrefetchEnd, size: int) -> None:
            if not ended.done():
                ended.set_result(PrefetchResult(how, size))

        self._scheduler.start(prefetch, routed, on_end)
        found = await ended
        if found.bytes:
            self.budget.on_fetched(routed.key, found.bytes)
        return found


HOT_RECHECK_SECONDS = 300.0
"""Seconds after which the list is checked for objects that have left the cache."""
MAX_PLAYLISTS = 40
"""Playlists read to find a rendition."""
MASTERS = (b"master.m3u8", b"manifest.mpd")


class HotList:
    """Fetches control's hot list in a task of its own, and checks it again periodically.

    `region` is used in the paths of titles that no viewer has requested yet.
    """

    def __init__(
        self,
        background: BackgroundPrefetcher,
        predictor: PrefetchPredictor,
        segment_index: SegmentIndex,
        clock: Clock,
        tasks: TaskOwner,
        region: bytes,
    ) -> None:
        self._background = background
        self._predictor = predictor
        self._segment_index = segment_index
        self._clock = clock
        self._tasks = tasks
        self._region = region
        self._changed = False
        self.is_running = False
        """Whether objects of the list are being fetched."""
        self._timer: Timer | None = None
        self._next_check: dict[HotRow, float] = {}
        self.rows: tuple[HotRow, ...] = ()

    def replace(self, rows: Sequence[HotRow]) -> None:
        """Replace the list; urgent rows come first."""
        self.rows = tuple(sorted(rows, key=lambda row: not row.urgent))
        still = set(self.rows)
        self._next_check = {row: at for row, at in self._next_check.items() if row in still}
        self._changed = True
        self._wake()

    def stop(self) -> None:
        """Stop checking."""
        if self._timer is not None:
            self._timer.cancel()

    def _wake(self) -> None:
        if not self.is_running and self.rows:
            self.is_running = True
            self._tasks.spawn(self._run())

    async def _run(self) -> None:
        """Fetch what is on the list; later, what has left the cache."""
        try:
            while self._changed:
                self._changed = False
                await self._fetch_all()
        finally:
            self.is_running = False
        self.stop()
        self._timer = self._clock.call_later(HOT_RECHECK_SECONDS, self._recheck)

    def _recheck(self) -> None:
        self._changed = True
        self._wake()

    async def _fetch_all(self) -> None:
        for row in self.rows:
            if self._changed:
                return
            if self._clock.mono() >= self._next_check.get(row, 0.0):
                self._next_check[row] = self._clock.mono() + HOT_RECHECK_SECONDS
                await self._fetch_row(row)

    async def _fetch_row(self, row: HotRow) -> None:
        title = row.content_id.encode("ascii")
        rendition_index = await self._find_rendition(row, title)
        if rendition_index is None:
            return
        segments = rendition_index.first(row.segments)
        for at in range(0, len(segments), MAX_PARALLEL):
            if self._changed and not row.urgent:
                self._next_check.pop(row, None)
                return
            some = [PrefetchRequest(self._path(title, one.key), "hot", row.content_id, one.range, row.urgent) for one in
                    segments[at : at + MAX_PARALLEL]]  # fmt: skip
            found = await asyncio.gather(*(self._background.fetch(prefetch) for prefetch in some))
            if any(one.end is PrefetchEnd.FULL for one in found):
                return

    async def _find_rendition(self, row: HotRow, title: bytes) -> RenditionIndex | None:
        """The rendition's segments: known, or read from the title's playlists."""
        rendition = row.rendition.encode("ascii")
        rendition_index = self._segment_index.rendition(title, rendition)
        for master in MASTERS:
            if rendition_index is None and (await self._fetch_playlist(row, title + b"/" + master)).is_cached:
                rendition_index = self._segment_index.rendition(title, rendition) or await self._search_playlists(
                    row, title, rendition
                )
        return rendition_index

    async def _search_playlists(self, row: HotRow, title: bytes, rendition: bytes) -> RenditionIndex | None:
        keys = self._segment_index.playlists(title)
        folder = title + b"/" + (rendition + b"/" if rendition else b"")
        for key in sorted(keys, key=lambda key: not key.startswith(folder))[:MAX_PLAYLISTS]:
            await self._fetch_playlist(row, key)
            if (rendition_index := self._segment_index.rendition(title, rendition)) is not None:
                return rendition_index
        return None

    async def _fetch_playlist(self, row: HotRow, key: bytes) -> PrefetchResult:
        prefetch = PrefetchRequest(
            self._path(row.content_id.encode("ascii"), key), "hot", row.content_id, None, row.urgent
        )
        result = await self._background.fetch(prefetch)
        if result.is_cached:
            await self._predictor.learn_playlist(prefetch.path)
        return result

    def _path(self, title: bytes, key: bytes) -> bytes:
        return b"/cdn/" + (self._segment_index.region(title) or self._region) + b"/" + key
