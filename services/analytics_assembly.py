"""Builds analytics from its parts, for the process that runs it."""

from __future__ import annotations

import os
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from functools import partial
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import structlog

from kernel.clock import Clock
from kernel.errors import BadSettings
from kernel.settings.store_address import StoreAddress
from services.adapters.analytics import EventLogForAnalytics
from services.counters import Counters
from services.http.route import Route
from services.retention import RetentionRule
from services.settings import ServicesSettings

if TYPE_CHECKING:
    from services.analytics.kafka.forwarder import KafkaForwarder
    from services.analytics.service import Analytics
    from services.analytics.views.quality import Sums

log = structlog.get_logger()

FOLDER = "analytics"


@dataclass
class BuiltAnalytics:
    """Analytics, with its routes, tasks and retention."""

    service: Analytics
    routes: tuple[Route, ...]
    tasks: list[Callable[[], Coroutine[Any, Any, None]]] = field(default_factory=list)
    retention: list[RetentionRule] = field(default_factory=list)


def build_analytics(settings: ServicesSettings, clock: Clock, counters: Counters) -> BuiltAnalytics | None:
    """Build it; None where its packages are not installed and no setting asks for it. Raises BadSettings."""
    missing = [name for name in ("duckdb", "pyarrow") if find_spec(name) is None]
    if missing and settings.only:
        raise BadSettings("only", f"`analytics` needs the extra `analytics`, of which {missing[0]} is missing")
    if missing:
        log.warning("analytics-off", why="the extra `analytics` is not installed (pip install matinee[analytics])")
        return None
    from services.analytics.lake.compactor import Compactor
    from services.analytics.lake.lake_store import open_lake
    from services.analytics.lake.source_name import source_name
    from services.analytics.routes import AnalyticsRoutes
    from services.analytics.service import Analytics
    from services.analytics.views.view_book import ViewBook

    folder = settings.data / FOLDER
    lake = open_lake(lake_address(settings), settings.lake_credentials, os.environ)
    source = EventLogForAnalytics(settings.data / "events", source_name(folder))
    compactor = Compactor(folder, source, lake, ViewBook(settings.region))
    service = Analytics(compactor, lake, clock, settings.lake_flush, partial(_count, counters))
    return BuiltAnalytics(
        service,
        AnalyticsRoutes(service, clock).routes(),
        [service.run],
        [
            RetentionRule("lake-events", settings.lake_events_keep, service.delete_events_before),
            RetentionRule("lake-views", settings.lake_views_keep, service.delete_views_before),
        ],
    )


def build_forwarder(settings: ServicesSettings, clock: Clock) -> KafkaForwarder:
    """What sends the event log to Kafka. Raises BadSettings."""
    if find_spec("aiokafka") is None:
        raise BadSettings("kafka", "needs the extra `kafka` (pip install matinee[kafka])")
    from services.analytics.kafka.cursor_file import CursorFile
    from services.analytics.kafka.forwarder import KafkaForwarder
    from services.analytics.lake.source_name import source_name

    folder = settings.data / FOLDER
    source = EventLogForAnalytics(settings.data / "events", source_name(folder), "kafka")
    return KafkaForwarder(source, CursorFile(folder / "kafka.cursor"), clock, str(settings.kafka), settings.kafka_topic)


def lake_address(settings: ServicesSettings) -> StoreAddress:
    """Where the lake is."""
    return settings.lake or StoreAddress(settings.data / "lake")


def _count(counters: Counters, grown: Mapping[str, Sums], open_views: int, events: int) -> None:
    counters.open_views.set(open_views)
    counters.lake_events.inc(events)
    for region, sums in grown.items():
        for name, value in (
            ("view", sums.views),
            ("start", sums.starts),
            ("exit-before-start", sums.exits),
            ("start-failure-technical", sums.start_failures_technical),
            ("start-failure-business", sums.start_failures_business),
            ("playback-failure-technical", sums.playback_failures_technical),
            ("playback-failure-business", sums.playback_failures_business),
            ("rebuffer", sums.stalls),
            ("error", sums.errors),
        ):
            counters.quality.labels(region, name).inc(value)
        counters.watched_seconds.labels(region, "playing").inc(sums.played_ms / 1000)
        counters.watched_seconds.labels(region, "rebuffering").inc(sums.stalled_ms / 1000)
        counters.watched_seconds.labels(region, "seeking").inc(sums.sought_ms / 1000)
        for startup in sums.startups:
            counters.startup_seconds.labels(region).observe(startup / 1000)
