"""What an edge does before it is asked, put together: popularity, foresight, prefetches, hot list, reports."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypedDict

import structlog

from cache.cache import SegmentCache
from cache.entry import Entry
from edge.counters import Counts
from edge.fill.fetch import Fetcher
from edge.policy.authorise import Node
from edge.policy.route import RoutedRequest
from edge.prefetch.accounting import Budget, PrefetchAccounting
from edge.prefetch.background import BackgroundPrefetcher, Done, HotList
from edge.prefetch.popularity import Popularity
from edge.prefetch.predictor import PrefetchPredictor
from edge.prefetch.scheduler import PrefetchRequest, PrefetchScheduler
from edge.prefetch.segment_index import SegmentIndex
from edge.settings import EdgeSettings
from edge.tasks import TaskOwner
from edge.wire.viewer import Viewer
from kernel.clock import Clock, Timer
from kernel.documents import BadDocument
from kernel.fetch_reasons import PrefetchEnd
from kernel.fleet.hot_list import parse_hot

SWEEP_SECONDS = 2.0
PRESSED_DELAY = 0.1
"""Seconds by which the event loop may be late before nothing is prefetched any more: the first load that is shed."""
SOME_REGION = b"all"
"""Stands in the paths of titles that nobody has asked for yet, where an edge serves any region."""

logger = structlog.get_logger("edge")


class PrefetchService:
    """See the module. `permits` says whether a viewer may have an object."""

    def __init__(
        self,
        settings: EdgeSettings,
        node: Node,
        cache: SegmentCache,
        fetcher: Fetcher,
        clock: Clock,
        tasks: TaskOwner,
        counts: Counts,
        permits: Callable[[RoutedRequest, Viewer], bool],
    ) -> None:
        self._clock = clock
        self._media = node.profile.name == "media"
        self.ledger = PrefetchAccounting()
        self.outlines = SegmentIndex()
        self.popularity = Popularity(self.outlines)
        self.prefetcher = PrefetchScheduler(
            node, cache, fetcher, self.ledger, clock, lambda: counts.loop_delay > PRESSED_DELAY
        )
        self.unhurried = BackgroundPrefetcher(self.prefetcher, cache, self.ledger, _budget(settings), clock, tasks)
        self.foresight = PrefetchPredictor(
            self.prefetcher, self.outlines, self.ledger, cache, clock, tasks, permits, **_how(settings)
        )
        region = settings.region[0].encode() if settings.region else SOME_REGION
        self.hot = HotList(self.unhurried, self.foresight, self.outlines, clock, tasks, region)
        self._hot_document: object = None
        self._timer: Timer | None = None
        cache.tiers.on_removed = self._gone

    @property
    def watches(self) -> bool:
        """Whether viewers' requests are looked at: titles have playlists, other resources have not."""
        return self._media

    def follow(self, settings: EdgeSettings) -> None:
        """These settings hold from now on."""
        self.foresight.use(**_how(settings))
        made, budget = _budget(settings), self.unhurried.budget
        budget.rate, budget.room, budget.window, budget.zone = made.rate, made.room, made.window, made.zone

    def start(self) -> None:
        """From now on."""
        self._sweep()

    def stop(self) -> None:
        """Begin nothing more."""
        self.prefetcher.clear()
        self.hot.stop()
        if self._timer is not None:
            self._timer.cancel()

    def _sweep(self) -> None:
        self._timer = self._clock.call_later(SWEEP_SECONDS, self._sweep)
        now = self._clock.mono()
        self.popularity.sweep(now)
        self.ledger.look(now)

    def _gone(self, entry: Entry) -> None:
        key = entry.key
        if key in self.ledger:
            self.ledger.gone(key, self._clock.mono())
        self.unhurried.budget.gone(key)

    # -- what others ask ---------------------------------------------------------------------------------------

    def prefetch(self, path: str, done: Done | None = None) -> bool:
        """Have a URL's object brought as a job; False when it cannot be one of ours, or too many wait."""
        if not path.isascii():
            return False
        title = path.partition("/cdn/")[2].split("/")
        return self.unhurried.queue(PrefetchRequest(path.encode(), "job", title[1] if len(title) > 2 else ""), done)

    def take_hot(self, document: object) -> None:
        """The hot list that control has for this edge; None: none. One that cannot be read changes nothing."""
        if document is self._hot_document:
            return
        self._hot_document = document
        try:
            self.hot.take(parse_hot(document) if document is not None else ())
        except BadDocument as error:
            logger.error("the hot list cannot be read", error=str(error))  # noqa: TRY400 (no trace is wanted)

    def metrics(self) -> dict[str, float | dict[str, float]]:
        """The rows of `edge.counters` about prefetching."""
        ends: dict[str, float] = {end.value: number for end, number in self.prefetcher.ends.items()}
        for how in (PrefetchEnd.THROTTLED, PrefetchEnd.FULL):
            if how in self.unhurried.ends:
                ends[how] = ends.get(how, 0) + self.unhurried.ends[how]
        return {
            "matinee_edge_prefetches_total": {**self.prefetcher.begun},
            "matinee_edge_prefetch_ends_total": ends,
            "matinee_edge_prefetched_bytes_total": {**self.ledger.totals},
            "matinee_edge_prefetches_running": len(self.prefetcher.running),
            "matinee_edge_prefetch_watched": len(self.ledger),
            "matinee_edge_hot_rows": len(self.hot.rows),
            "matinee_edge_outlined_titles": len(self.outlines),
        }


class _How(TypedDict):
    by_playlist: bool
    by_players: bool
    depth: int


def _how(settings: EdgeSettings) -> _How:
    return {
        "by_playlist": settings.prefetch in ("next", "both"),
        "by_players": settings.prefetch in ("cmcd", "both"),
        "depth": settings.prefetch_depth,
    }


def _budget(settings: EdgeSettings) -> Budget:
    tier = settings.disk if settings.cache_dir is not None and settings.disk else settings.ram
    return Budget(
        settings.prefetch_rate,
        int(tier * settings.prefetch_disk_share),
        settings.prefetch_window,
        settings.timezone,
    )
