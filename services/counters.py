"""The services' counters: their table, and the Prometheus metrics made from it."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from kernel.counters import Counter as Row
from kernel.counters import by_name

BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0)
STARTUP_BUCKETS = (0.25, 0.5, 1.0, 1.5, 2.0, 3.0, 5.0, 8.0, 15.0, 30.0)

COUNTERS = (
    Row(
        "matinee_services_requests_total",
        "counter",
        "Requests, by route, method and status.",
        ("route", "method", "status"),
    ),
    Row("matinee_services_request_seconds", "histogram", "Duration of requests, by route.", ("route",)),
    Row(
        "matinee_services_task_failures_total",
        "counter",
        "Failures of background tasks, each of which was restarted.",
        ("task",),
    ),
    Row("matinee_catalogue_titles", "gauge", "Titles in the catalogue."),
    Row("matinee_catalogue_playable_titles", "gauge", "Titles that can be played."),
    Row("matinee_catalogue_library_failures_total", "counter", "Failed reads of the origin's library."),
    Row("matinee_catalogue_control_cursor", "gauge", "The latest change of the catalogue that control has stored."),
    Row("matinee_playback_starts_total", "counter", "Playback starts, by outcome.", ("outcome",)),
    Row("matinee_playback_routes_total", "counter", "Edge selections, by the source of the answer.", ("by",)),
    Row(
        "matinee_playback_steering_total",
        "counter",
        "Requests for steering manifests, by outcome (hls, dash, gone, later).",
        ("outcome",),
    ),
    Row("matinee_playback_sessions", "gauge", "Stored playback sessions."),
    Row(
        "matinee_drm_licences_total",
        "counter",
        "Licence requests, by key system and outcome (licence, refused, failed, unavailable).",
        ("system", "outcome"),
    ),
    Row(
        "matinee_search_queries_total",
        "counter",
        "Searches, by the stage that answered (browse, exact, fuzzy, none).",
        ("stage",),
    ),
    Row("matinee_search_documents", "gauge", "Titles in the search index."),
    Row("matinee_search_rebuilds_total", "counter", "Rebuilds of the search index."),
    Row(
        "matinee_events_total",
        "counter",
        "Events that players reported, by kind and outcome (stored, rejected).",
        ("kind", "outcome"),
    ),
    Row("matinee_analytics_open_views", "gauge", "Views that are going on, as analytics knows them."),
    Row("matinee_analytics_lake_events_total", "counter", "Events written to the lake."),
    Row(
        "matinee_qoe_events_total",
        "counter",
        "What views came to, by region and kind (view, start, exit-before-start, start-failure-technical, "
        "start-failure-business, playback-failure-technical, playback-failure-business, rebuffer, error).",
        ("region", "kind"),
    ),
    Row(
        "matinee_qoe_watched_seconds_total",
        "counter",
        "Seconds that viewers spent after the first frame, by region and state (playing, rebuffering, seeking).",
        ("region", "state"),
    ),
    Row("matinee_qoe_startup_seconds", "histogram", "Time from the intent to play to the first frame.", ("region",)),
    Row("matinee_recommend_events_total", "counter", "Feedback events stored."),
    Row(
        "matinee_recommend_lists_total",
        "counter",
        "Lists, by what made them (blend, trend, trend-late, trend-broken, trend-no-model).",
        ("source",),
    ),
    Row("matinee_recommend_list_seconds", "histogram", "Time to make a list that was not made just before."),
    Row("matinee_recommend_model_info", "gauge", "1 for the version of the model that is served.", ("version",)),
    Row("matinee_recommend_model_made_seconds", "gauge", "When the served model was trained, in Unix seconds."),
    Row("matinee_recommend_model_failures_total", "counter", "Models that could not be loaded."),
    Row(
        "matinee_recommend_trainings_total",
        "counter",
        "Trainings that the service ran, by outcome (published, worse, failed).",
        ("outcome",),
    ),
    Row(
        "matinee_recommend_impressions_total",
        "counter",
        "Records of what lists showed, by outcome (written, dropped).",
        ("outcome",),
    ),
    Row("matinee_recommend_viewers", "gauge", "Viewers whose marks are in memory."),
)
"""Every counter of the services."""


class Counters:
    """The services' counters in a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._rows = by_name(COUNTERS)
        self.requests = self._counter("matinee_services_requests_total")
        self.seconds = self._histogram("matinee_services_request_seconds")
        self.task_failures = self._counter("matinee_services_task_failures_total")
        self.titles = self._gauge("matinee_catalogue_titles")
        self.playable_titles = self._gauge("matinee_catalogue_playable_titles")
        self.library_failures = self._counter("matinee_catalogue_library_failures_total")
        self.control_cursor = self._gauge("matinee_catalogue_control_cursor")
        self.starts = self._counter("matinee_playback_starts_total")
        self.routes = self._counter("matinee_playback_routes_total")
        self.steered = self._counter("matinee_playback_steering_total")
        self.sessions = self._gauge("matinee_playback_sessions")
        self.licences = self._counter("matinee_drm_licences_total")
        self.queries = self._counter("matinee_search_queries_total")
        self.documents = self._gauge("matinee_search_documents")
        self.rebuilds = self._counter("matinee_search_rebuilds_total")
        self.events = self._counter("matinee_recommend_events_total")
        self.player_events = self._counter("matinee_events_total")
        self.open_views = self._gauge("matinee_analytics_open_views")
        self.lake_events = self._counter("matinee_analytics_lake_events_total")
        self.quality = self._counter("matinee_qoe_events_total")
        self.watched_seconds = self._counter("matinee_qoe_watched_seconds_total")
        self.startup_seconds = self._histogram("matinee_qoe_startup_seconds", STARTUP_BUCKETS)
        self.lists = self._counter("matinee_recommend_lists_total")
        self.list_seconds = self._histogram("matinee_recommend_list_seconds")
        self.model_info = self._gauge("matinee_recommend_model_info")
        self.model_made = self._gauge("matinee_recommend_model_made_seconds")
        self.model_failures = self._counter("matinee_recommend_model_failures_total")
        self.trainings = self._counter("matinee_recommend_trainings_total")
        self.impressions = self._counter("matinee_recommend_impressions_total")
        self.viewers_held = self._gauge("matinee_recommend_viewers")

    def _counter(self, name: str) -> Counter:
        row = self._rows[name]
        return Counter(row.name, row.sentence, row.labels, registry=self.registry)

    def _gauge(self, name: str) -> Gauge:
        row = self._rows[name]
        return Gauge(row.name, row.sentence, row.labels, registry=self.registry)

    def _histogram(self, name: str, buckets: tuple[float, ...] = BUCKETS) -> Histogram:
        row = self._rows[name]
        return Histogram(row.name, row.sentence, row.labels, buckets=buckets, registry=self.registry)
