"""The origin's counters and their table; docs/counters.md is generated from it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from kernel.counters import Counter

COUNTERS = (
    Counter("matinee_origin_requests_total", "counter", "Requests answered, including refused ones.", ("status",)),
    Counter("matinee_origin_sent_bytes_total", "counter", "Bytes of response bodies sent."),
    Counter(
        "matinee_origin_aborted_total", "counter", "Responses that were aborted: the peer left or the store failed."
    ),
    Counter("matinee_origin_running", "gauge", "Requests being answered now."),
    Counter("matinee_origin_titles", "gauge", "Published titles, as of the last scan of the library."),
)


@dataclass(eq=False)
class Counts:
    """The numbers; a Prometheus collector reads them at each scrape."""

    requests: dict[int, int] = field(default_factory=dict)
    sent_bytes: int = 0
    aborted: int = 0
    running: int = 0
    titles: int = 0

    def count_request(self, status: int) -> None:
        """Count one answered request by its status."""
        self.requests[status] = self.requests.get(status, 0) + 1

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
        for name, value in (("sent_bytes", self.sent_bytes), ("aborted", self.aborted)):
            name = f"matinee_origin_{name}_total"
            yield CounterMetricFamily(name, sentences[name], value=value)
        for name, value in (("running", self.running), ("titles", self.titles)):
            name = f"matinee_origin_{name}"
            yield GaugeMetricFamily(name, sentences[name], value=value)
