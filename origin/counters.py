"""The origin's counters and their table; docs/counters.md is generated from it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from kernel.counters import Counter
from origin.jobs.ingest_counts import IngestCounts
from origin.stores.open_store import StoreEvents
from origin.upkeep.upkeep import UpkeepCounts

COUNTERS = (
    Counter("matinee_origin_requests_total", "counter", "Requests answered, including refused ones.", ("status",)),
    Counter("matinee_origin_sent_bytes_total", "counter", "Bytes of response bodies sent."),
    Counter(
        "matinee_origin_aborted_total", "counter", "Responses that were aborted: the peer left or the store failed."
    ),
    Counter("matinee_origin_running", "gauge", "Requests being answered now."),
    Counter("matinee_origin_failovers_total", "counter", "Reads that the replica answered for the first store."),
    Counter(
        "matinee_origin_replica_lags_total", "counter", "Writes that the replica missed; the next scrub copies them."
    ),
    Counter("matinee_origin_cold_reads_total", "counter", "Reads that the cold store answered."),
    Counter("matinee_origin_cooled_objects_total", "counter", "Objects moved to the cold store."),
    Counter("matinee_origin_garbage_objects_total", "counter", "Objects deleted by garbage collection."),
    Counter("matinee_origin_scrubbed_bytes_total", "counter", "Bytes of objects verified, each counted once."),
    Counter("matinee_origin_scrub_damaged_total", "counter", "Copies that scrubbing found damaged or missing."),
    Counter("matinee_origin_scrub_repaired_total", "counter", "Copies that scrubbing repaired."),
    Counter(
        "matinee_origin_scrub_lost_total", "counter", "Objects without a good copy, found by scrubbing: alert on it."
    ),
    Counter("matinee_origin_alerts_total", "counter", "Alerts of the ingest service: look at each.", ("kind",)),
    Counter("matinee_origin_jobs", "gauge", "Ingest jobs in the queue's records.", ("state",)),
    Counter(
        "matinee_origin_task_failures_total",
        "counter",
        "Failures of the ingest service's background tasks, each restarted. Any is a bug.",
        ("task",),
    ),
    Counter("matinee_origin_titles", "gauge", "Published titles, as of the last scan of the library."),
)

ALERTS, JOBS = "matinee_origin_alerts_total", "matinee_origin_jobs"
TASK_FAILURES = "matinee_origin_task_failures_total"


@dataclass(eq=False)
class Counts:
    """The numbers; a Prometheus collector reads them at each scrape."""

    requests: dict[int, int] = field(default_factory=dict)
    sent_bytes: int = 0
    aborted: int = 0
    failovers: int = 0
    replica_lags: int = 0
    cold_reads: int = 0
    upkeep: UpkeepCounts = field(default_factory=UpkeepCounts)
    ingest: IngestCounts = field(default_factory=IngestCounts)
    running: int = 0
    titles: int = 0

    def count_request(self, status: int) -> None:
        """Count one answered request by its status."""
        self.requests[status] = self.requests.get(status, 0) + 1

    def store_events(self, want: Callable[[str], object] = lambda _: None) -> StoreEvents:
        """Count what the stores report; `want(key)` is called for what was read from the cold one."""

        def on_failover() -> None:
            self.failovers += 1

        def on_lag() -> None:
            self.replica_lags += 1

        def on_cold_read(key: str) -> None:
            self.cold_reads += 1
            want(key)

        return StoreEvents(on_failover, on_lag, on_cold_read)

    def registry(self) -> CollectorRegistry:
        """The registry for `generate_latest`."""
        registry = CollectorRegistry()
        registry.register(self)
        return registry

    def collect(self) -> Iterator[Metric]:
        """The rows of `COUNTERS` with their numbers."""
        sentences = {row.name: row.sentence for row in COUNTERS}
        name = "matinee_origin_requests_total"
        requests = CounterMetricFamily(name, sentences[name], labels=["status"])
        for status, count in sorted(self.requests.items()):
            requests.add_metric([str(status)], count)
        yield requests
        alerts = CounterMetricFamily(ALERTS, sentences[ALERTS], labels=["kind"])
        for kind, count in sorted(self.ingest.alerts.items()):
            alerts.add_metric([kind], count)
        jobs = GaugeMetricFamily(JOBS, sentences[JOBS], labels=["state"])
        for state, count in sorted(self.ingest.jobs.items()):
            jobs.add_metric([state], count)
        failures = CounterMetricFamily(TASK_FAILURES, sentences[TASK_FAILURES], labels=["task"])
        for task, count in sorted(self.ingest.task_failures.items()):
            failures.add_metric([task], count)
        yield from (alerts, jobs, failures)
        own = ("sent_bytes", "aborted", "failovers", "replica_lags", "cold_reads")
        values = {name: getattr(self, name) for name in own} | asdict(self.upkeep)
        for name, value in values.items():
            name = f"matinee_origin_{name}_total"
            yield CounterMetricFamily(name, sentences[name], value=value)
        for name, value in (("running", self.running), ("titles", self.titles)):
            name = f"matinee_origin_{name}"
            yield GaugeMetricFamily(name, sentences[name], value=value)
