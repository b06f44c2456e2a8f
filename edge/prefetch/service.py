"""Assembles prefetching on an edge: popularity, predictor, scheduler, hot list, budget and accounting."""

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
from edge.prefetch.accounting import PrefetchAccounting, PrefetchBudget
from edge.prefetch.background import BackgroundPrefetcher, HotList, OnPrefetched
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
OVERLOADED_DELAY = 0.1
"""Seconds of event loop delay beyond which no prefetch starts: prefetching is the first load to be shed."""
SOME_REGION = b"all"
"""The region in paths of titles that nobody has requested yet, if the edge serves any region."""

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
        self.accounting = PrefetchAccounting()
        self.segment_index = SegmentIndex()
        self.popularity = Popularity(counts.renditions, self.segment_index)
        self.scheduler = PrefetchScheduler(
            node, cache, fetcher, self.accounting, clock, lambda: counts.loop_delay > OVERLOADED_DELAY
        )
        self.background = BackgroundPrefetcher(self.scheduler, cache, self.accounting, _budget(settings), clock, tasks)
        self.predictor = PrefetchPredictor(
            self.scheduler, self.segment_index, self.accounting, cache, clock, tasks, permits, **_sources(settings)
        )
        region = settings.region[0].encode() if settings.region else SOME_REGION
        self.hot_list = HotList(self.background, self.predictor, self.segment_index, clock, tasks, region)
        self._hot_document: object = None
        self._timer: Timer | None = None
        cache.tiers.on_removed = self._gone

    @property
    def is_watching(self) -> bool:
        """Whether viewers' requests are watched: only titles have playlists."""
        return self._media

    def configure(self, settings: EdgeSettings) -> None:
        """Put these settings in force."""
        self.predictor.configure(**_sources(settings))
        made, budget = _budget(settings), self.background.budget
        budget.rate, budget.room, budget.window, budget.zone = made.rate, made.room, made.window, made.zone

    def start(self) -> None:
        """Start the periodic sweep."""
        self._sweep()

    def stop(self) -> None:
        """Start no further prefetch."""
        self.scheduler.clear()
        self.hot_list.stop()
        if self._timer is not None:
            self._timer.cancel()

    def _sweep(self) -> None:
        self._timer = self._clock.call_later(SWEEP_SECONDS, self._sweep)
        now = self._clock.mono()
        self.popularity.sweep(now)
        self.accounting.settle_overdue(now)

    def _gone(self, entry: Entry) -> None:
        self.accounting.on_removed((entry.key, None), self._clock.mono())
        self.background.budget.on_removed(entry.key)

    # -- what other parts call -----------------------------------------------------------------------------------

    def prefetch(self, path: str, done: OnPrefetched | None = None) -> bool:
        """Prefetch a URL's object as a job. False if this edge cannot hold it, or the queue is full."""
        if not path.isascii():
            return False
        title = path.partition("/cdn/")[2].split("/")
        return self.background.enqueue(PrefetchRequest(path.encode(), "job", title[1] if len(title) > 2 else ""), done)

    def apply_hot_list(self, document: object) -> None:
        """Use control's hot list for this edge; None: an empty one. A list that cannot be parsed changes nothing."""
        if document is self._hot_document:
            return
        self._hot_document = document
        try:
            self.hot_list.replace(parse_hot(document) if document is not None else ())
        except BadDocument as error:
            logger.error("hot-list-unreadable", error=str(error))  # noqa: TRY400 (no trace is wanted)

    def metrics(self) -> dict[str, float | dict[str, float]]:
        """The rows of `edge.counters` about prefetching."""
        ends: dict[str, float] = {end.value: number for end, number in self.scheduler.ends.items()}
        for how in (PrefetchEnd.THROTTLED, PrefetchEnd.FULL):
            if how in self.background.ends:
                ends[how] = ends.get(how, 0) + self.background.ends[how]
        return {
            "matinee_edge_prefetches_total": {**self.scheduler.started},
            "matinee_edge_prefetch_ends_total": ends,
            "matinee_edge_prefetched_bytes_total": {**self.accounting.totals},
            "matinee_edge_prefetches_running": len(self.scheduler.running),
            "matinee_edge_prefetch_watched": len(self.accounting.watched),
            "matinee_edge_hot_rows": len(self.hot_list.rows),
            "matinee_edge_indexed_titles": len(self.segment_index),
        }


class _Sources(TypedDict):
    by_playlist: bool
    by_players: bool
    depth: int


def _sources(settings: EdgeSettings) -> _Sources:
    return {
        "by_playlist": settings.prefetch in ("next", "both"),
        "by_players": settings.prefetch in ("cmcd", "both"),
        "depth": settings.prefetch_depth,
    }


def _budget(settings: EdgeSettings) -> PrefetchBudget:
    tier = settings.disk if settings.cache_dir is not None and settings.disk else settings.ram
    return PrefetchBudget(
        settings.prefetch_rate,
        int(tier * settings.prefetch_disk_share),
        settings.prefetch_window,
        settings.timezone,
    )
