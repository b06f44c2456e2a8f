"""Everything the edge counts, as a table; docs/counters.md is generated from it.

The hit path adds to plain ints (`Counts`); a collector reads them when a scrape comes.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass, field

from kernel.counters import Counter
from kernel.log_rate import LogRate
from kernel.vocabulary import Outcome

COUNTERS = (
    Counter("matinee_edge_requests_total", "counter", "Requests of viewers, including refused ones.", ("status",)),
    Counter("matinee_edge_outcomes_total", "counter", "Requests by how the cache answered them.", ("outcome",)),
    Counter("matinee_edge_refusals_total", "counter", "Requests refused, by reason.", ("reason",)),
    Counter("matinee_edge_aborts_total", "counter", "Viewers' connections cut by a reset, by reason.", ("reason",)),
    Counter("matinee_edge_sent_bytes_total", "counter", "Bytes of bodies handed to viewers' connections."),
    Counter("matinee_edge_filled_bytes_total", "counter", "Bytes of bodies that came from upstream."),
    Counter("matinee_edge_fills_total", "counter", "Requests to upstream, by their end.", ("end",)),
    Counter("matinee_edge_upstream_connects_total", "counter", "Connections opened to upstreams."),
    Counter("matinee_edge_upstream_retries_total", "counter", "Requests sent to upstream again."),
    Counter("matinee_edge_upstream_retries_refused_total", "counter", "Retries that the retry budget did not allow."),
    Counter("matinee_edge_upstream_failures_total", "counter", "Requests without a valid response.", ("upstream",)),
    Counter("matinee_edge_upstream_ejections_total", "counter", "Times an upstream was ejected.", ("upstream",)),
    Counter("matinee_edge_upstream_ejected", "gauge", "1 while an upstream is ejected.", ("upstream",)),
    Counter("matinee_edge_upstream_running", "gauge", "Exchanges with an upstream now.", ("upstream",)),
    Counter("matinee_edge_upstream_open_connections", "gauge", "Connections to an upstream now.", ("upstream",)),
    Counter("matinee_edge_upstream_idle_connections", "gauge", "Those of them that are idle.", ("upstream",)),
    Counter("matinee_edge_upstream_waiting", "gauge", "Requests that wait for a connection now.", ("upstream",)),
    Counter("matinee_edge_connections", "gauge", "Viewers connected now."),
    Counter("matinee_edge_h2_connections", "gauge", "Viewers connected by HTTP/2 now."),
    Counter("matinee_edge_h2_requests_total", "counter", "Requests of viewers by HTTP/2, among all."),
    Counter(
        "matinee_edge_h2_resets_total",
        "counter",
        "Streams of HTTP/2 that viewers cancelled (viewer) or we reset, by error code.",
        ("reason",),
    ),
    Counter(
        "matinee_edge_h2_faults_total",
        "counter",
        "Connections of HTTP/2 ended for a fault or flood of the viewer's, by error code.",
        ("reason",),
    ),
    Counter("matinee_edge_connections_cut_total", "counter", "Connections reset without a response: far too many."),
    Counter("matinee_edge_accept_errors_total", "counter", "Times that accepting was suspended: no descriptors left."),
    Counter("matinee_edge_handshakes", "gauge", "TLS handshakes running now."),
    Counter("matinee_edge_handshake_ends_total", "counter", "Ends of TLS handshakes.", ("end",)),
    Counter("matinee_edge_request_body_bytes", "gauge", "Bytes of request bodies held now."),
    Counter("matinee_edge_uploads", "gauge", "Request bodies forwarded upstream while they are received."),
    Counter("matinee_edge_fills_running", "gauge", "Fetches from upstream running now."),
    Counter("matinee_edge_waiting", "gauge", "Viewers waiting for a fetch or a disk read now."),
    Counter("matinee_edge_prefetches_total", "counter", "Objects fetched before they were asked for.", ("cause",)),
    Counter("matinee_edge_prefetch_ends_total", "counter", "Ends of prefetches, also of those not started.", ("end",)),
    Counter("matinee_edge_prefetched_bytes_total", "counter", "Prefetched bytes by what became of them.", ("use",)),
    Counter("matinee_edge_prefetches_running", "gauge", "Prefetches running now."),
    Counter("matinee_edge_prefetch_watched", "gauge", "Prefetched objects not requested yet."),
    Counter("matinee_edge_hot_rows", "gauge", "Renditions on the hot list from control."),
    Counter("matinee_edge_indexed_titles", "gauge", "Titles whose order of segments is known from playlists."),
    Counter("matinee_cache_ram_bytes", "gauge", "Bytes counted in the RAM tier."),
    Counter("matinee_cache_disk_bytes", "gauge", "Bytes counted in the disk tier."),
    Counter("matinee_cache_objects", "gauge", "Objects in the index."),
    Counter("matinee_cache_evictions_total", "counter", "Objects evicted from a tier.", ("tier",)),
    Counter("matinee_cache_purged_total", "counter", "Objects reached by purges."),
    Counter("matinee_cache_disk_written_bytes_total", "counter", "Bytes written to the disk tier."),
    Counter("matinee_cache_disk_loads_total", "counter", "Objects read from the disk tier."),
    Counter("matinee_cache_demotions_total", "counter", "Objects written to disk when they left RAM."),
    Counter("matinee_cache_disk_suspended", "gauge", "1 while the disk tier is suspended after too many errors."),
    Counter("matinee_cache_disk_off", "gauge", "1 from when errors suspend the disk tier until it works."),
    Counter(
        "matinee_cache_folder_recreated_total",
        "counter",
        "Times the cache folder, or a part of it, was found deleted and was created again.",
    ),
    Counter("matinee_cache_disk_errors_total", "counter", "Errors of the disk tier, by kind.", ("kind",)),
    Counter("matinee_edge_log_dropped_total", "counter", "Access log records lost because the log was too slow."),
    Counter("matinee_edge_log_lines_left_out_total", "counter", "Lines of the process's log above their rate limit."),
    Counter("matinee_edge_loop_errors_total", "counter", "Errors that reached the event loop, by kind.", ("kind",)),
    Counter("matinee_edge_reload_failures_total", "counter", "Parts that could not be reloaded.", ("what",)),
    Counter("matinee_edge_reload_failed", "gauge", "1 while a part is older than its file.", ("what",)),
    Counter("matinee_edge_loop_delay_seconds", "gauge", "Delay of the event loop at the last check."),
    Counter("matinee_edge_control_connected", "gauge", "1 while the stream from control is connected."),
    Counter(
        "matinee_edge_control_failures_total",
        "counter",
        "Failures of tasks that follow control; each was restarted. Any is a bug.",
        ("task",),
    ),
    Counter("matinee_edge_rules_version", "gauge", "Version of the rules in force."),
    Counter("matinee_edge_jobs_total", "counter", "Jobs of control's log done here.", ("kind",)),
    Counter(
        "matinee_edge_jobs_checkpoint", "gauge", "The number in control's log up to which all purges are done here."
    ),
    Counter("matinee_edge_catching_up", "gauge", "1 while missed purges are still to be done."),
    Counter("matinee_edge_marked_stale_objects", "gauge", "Objects marked stale, since purges may have been missed."),
)

HEAD_BOUNDS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 60.0)
"""Bounds of the histogram of seconds to the response head; below the first, nothing is counted."""

ONE_REQUEST = 1 << 48
"""A tally counts bytes below this, and adds it once per request, so that one addition counts both."""
MAX_TALLIES = 50_000
"""Folders with a tally; beyond that, those idle since the last sweep are dropped."""

_OUTCOME_COUNTS = {
    Outcome.HIT: "hits",
    Outcome.STALE: "stale_hits",
    Outcome.COLLAPSED: "collapsed",
    Outcome.REVALIDATED: "revalidated",
    Outcome.PASS: "passes",
    Outcome.FAILED: "failed",
}


class Tally:
    """A folder's traffic since the last sweep: ONE_REQUEST per request, plus the bytes."""

    __slots__ = ("bytes",)

    def __init__(self) -> None:
        self.bytes = 0


class RenditionTallies:
    """Bytes and requests of each rendition since the last sweep of `edge.prefetch.popularity`.

    Folders are cache keys without the file's name: `contentId/rendition`. The fast path adds one number to the folder's
    `Tally`, which the grant holds; the full path looks the tally up.
    """

    def __init__(self) -> None:
        self._tallies: dict[bytes, Tally] = {}

    def tally(self, folder: bytes) -> Tally:
        """The tally of a folder."""
        found = self._tallies.get(folder)
        if found is None:
            if len(self._tallies) >= MAX_TALLIES:
                self._tallies = {name: tally for name, tally in self._tallies.items() if tally.bytes}
            found = self._tallies[folder] = Tally()
        return found

    def record(self, folder: bytes, size: int) -> None:
        """Count one request, and `size` bytes sent to a viewer from a file of this folder."""
        self.tally(folder).bytes += ONE_REQUEST + size

    def drain(self) -> Iterator[tuple[bytes, int, int]]:
        """Set every tally to zero; yields (folder, bytes, requests) of those that counted something."""
        for folder, tally in self._tallies.items():
            counted, tally.bytes = tally.bytes, 0
            if counted:
                yield folder, counted % ONE_REQUEST, counted // ONE_REQUEST


@dataclass(slots=True)
class Counts:
    """The edge's own numbers; whole numbers only, added to on the hit path."""

    requests: int = 0
    fast_path_hits: int = 0
    """Hits of the fast path, which counts nothing else; they are 200s, hits and requests too."""
    hits: int = 0
    stale_hits: int = 0
    misses: int = 0
    collapsed: int = 0
    revalidated: int = 0
    passes: int = 0
    failed: int = 0
    bytes_sent: int = 0
    bytes_filled: int = 0
    waiting: int = 0
    connections: int = 0
    h2_connections: int = 0
    h2_requests: int = 0
    h2_resets: dict[str, int] = field(default_factory=dict)
    h2_ends: dict[str, int] = field(default_factory=dict)
    statuses: dict[int, int] = field(default_factory=dict)
    refusals: dict[str, int] = field(default_factory=dict)
    aborts: dict[str, int] = field(default_factory=dict)
    fills: dict[str, int] = field(default_factory=dict)
    loop_delay: float = 0.0
    worst_delay: float = 0.0
    """Of the loop, since the last report to control."""
    loop_errors: dict[str, int] = field(default_factory=dict)
    log_rate: LogRate = field(default_factory=LogRate)
    broken_responses: int = 0
    """Responses cut off after their head."""
    head_times: list[int] = field(default_factory=lambda: [0] * (len(HEAD_BOUNDS) + 1))
    """Requests by seconds to the head, by the bounds of reports; the first bucket is the rest, and is not counted."""
    renditions: RenditionTallies = field(default_factory=RenditionTallies)
    """What viewers received, by rendition."""

    def count_head(self, seconds: float) -> None:
        """Count the seconds from a request to its response head; hits of the fast path are not counted here."""
        if seconds > HEAD_BOUNDS[0]:
            self.head_times[bisect_left(HEAD_BOUNDS, seconds)] += 1

    def count_outcome(self, outcome: Outcome) -> None:
        """Count a request by its outcome."""
        name = _OUTCOME_COUNTS.get(outcome, "misses")
        setattr(self, name, getattr(self, name) + 1)

    def count_refusal(self, reason: str) -> None:
        """Count a refusal by its reason."""
        self.refusals[reason] = self.refusals.get(reason, 0) + 1

    def count_loop_error(self, kind: str) -> None:
        """Count an error that reached the event loop."""
        self.loop_errors[kind] = self.loop_errors.get(kind, 0) + 1

    def count_fill_end(self, end: str) -> None:
        """Count the end of a fetch: a `FillEnd`, or the reason of its failure."""
        self.fills[end] = self.fills.get(end, 0) + 1
