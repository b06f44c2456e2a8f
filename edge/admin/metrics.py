"""The metrics of an edge, collected on demand: GET /stats, and the rows of `edge.counters` for /metrics."""

from __future__ import annotations

from typing import Protocol

from cache.cache import SegmentCache
from edge.counters import Counts
from edge.fleet.jobs import JobRunner
from edge.fleet.subscribe import Subscriber
from edge.policy.authorise import Node
from edge.prefetch.service import PrefetchService
from edge.reload import Reloader
from edge.serve.connection_limits import ConnectionLimits
from edge.upstreams.selector import Upstreams
from edge.wire.upload import BodyBudget

Number = float | dict[str, float]


class MeasuredEdge(Protocol):
    """The parts of an edge that count something."""

    counts: Counts
    cache: SegmentCache
    node: Node
    upstreams: Upstreams
    connection_limits: ConnectionLimits
    bodies: BodyBudget
    reloader: Reloader
    prefetch_service: PrefetchService
    subscriber: Subscriber | None
    jobs: JobRunner | None
    log_dropped: int
    marked_stale: int


def stats(edge: MeasuredEdge) -> dict[str, int]:
    """The values of GET /stats."""
    counts = edge.counts
    return {
        "requests": counts.requests + counts.fast_path_hits,
        "hits": counts.hits + counts.fast_path_hits,
        "stale_hits": counts.stale_hits,
        "misses": counts.misses,
        "collapsed": counts.collapsed,
        "revalidated": counts.revalidated,
        "bytes_sent": counts.bytes_sent,
        "bytes_filled": counts.bytes_filled,
        **edge.cache.stats(),
        "connections": counts.connections,
        "waiting": counts.waiting,
        "rules_version": edge.node.rules.version,
        "reload_failed": len(edge.reloader.failed),
    }


def metrics(edge: MeasuredEdge) -> dict[str, Number]:
    """The values of all rows of the table: a number, or numbers by label."""
    mine = _of_requests(edge.counts) | _of_cache(edge.cache) | _of_upstreams(edge.upstreams) | _of_node(edge)
    return mine | edge.prefetch_service.metrics()


def _of_requests(counts: Counts) -> dict[str, Number]:
    statuses: dict[str, float] = {str(status): number for status, number in sorted(counts.statuses.items())}
    statuses["200"] = counts.statuses.get(200, 0) + counts.fast_path_hits
    return {
        "matinee_edge_requests_total": statuses,
        "matinee_edge_outcomes_total": {
            "hit": counts.hits + counts.fast_path_hits,
            "stale-hit": counts.stale_hits,
            "miss": counts.misses,
            "collapsed": counts.collapsed,
            "revalidated": counts.revalidated,
            "pass": counts.passes,
            "failed": counts.failed,
        },
        "matinee_edge_refusals_total": {**counts.refusals},
        "matinee_edge_aborts_total": {**counts.aborts},
        "matinee_edge_sent_bytes_total": counts.bytes_sent,
        "matinee_edge_filled_bytes_total": counts.bytes_filled,
        "matinee_edge_fills_total": {**counts.fills},
        "matinee_edge_connections": counts.connections,
        "matinee_edge_h2_connections": counts.h2_connections,
        "matinee_edge_h2_requests_total": counts.h2_requests,
        "matinee_edge_h2_resets_total": {**counts.h2_resets},
        "matinee_edge_h2_faults_total": {**counts.h2_ends},
        "matinee_edge_waiting": counts.waiting,
        "matinee_edge_loop_delay_seconds": counts.loop_delay,
    }


def _of_cache(cache: SegmentCache) -> dict[str, Number]:
    counts, disk, now = cache.counts, cache.disk, cache.stats()
    return {
        "matinee_edge_fills_running": now["fills_running"],
        "matinee_cache_ram_bytes": now["ram_bytes"],
        "matinee_cache_disk_bytes": now["disk_bytes"],
        "matinee_cache_objects": now["objects"],
        "matinee_cache_evictions_total": {"ram": counts.evicted_ram, "disk": counts.evicted_disk},
        "matinee_cache_purged_total": counts.purged,
        "matinee_cache_disk_written_bytes_total": counts.disk_written_bytes,
        "matinee_cache_disk_loads_total": counts.loads,
        "matinee_cache_disk_errors_total": {
            "failed": counts.disk_failed,
            "full": counts.disk_full,
            "skipped": counts.disk_skipped,
            "damaged": counts.disk_damaged + (disk.damaged if disk is not None else 0),
            "not-removed": counts.disk_stuck,
        },
        "matinee_cache_demotions_total": counts.demoted,
        "matinee_cache_disk_suspended": now["disk_resting"],
        "matinee_cache_disk_off": now["disk_off"],
        "matinee_cache_folder_recreated_total": counts.folder_recreated,
    }


def _of_upstreams(upstreams: Upstreams) -> dict[str, Number]:
    """By URL, as in the settings: so the number of labels is bounded."""
    every = upstreams.all
    return {
        "matinee_edge_upstream_connects_total": upstreams.connects,
        "matinee_edge_upstream_retries_total": upstreams.retries,
        "matinee_edge_upstream_retries_refused_total": upstreams.retries_refused,
        "matinee_edge_upstream_failures_total": {one.url: one.failures for one in every},
        "matinee_edge_upstream_ejections_total": {one.url: one.ejected for one in every},
        "matinee_edge_upstream_ejected": {one.url: int(one.health.out is not None) for one in every},
        "matinee_edge_upstream_running": {one.url: one.running for one in every},
        "matinee_edge_upstream_open_connections": {one.url: one.pool.open for one in every},
        "matinee_edge_upstream_idle_connections": {one.url: len(one.pool.idle) for one in every},
        "matinee_edge_upstream_waiting": {one.url: one.pool.waiting for one in every},
    }


def _of_node(edge: MeasuredEdge) -> dict[str, Number]:
    counts, reloader, crowd = edge.counts, edge.reloader, edge.connection_limits
    return {
        "matinee_edge_connections_cut_total": crowd.counts.cut,
        "matinee_edge_accept_errors_total": crowd.counts.accept_errors,
        "matinee_edge_request_body_bytes": edge.bodies.held,
        "matinee_edge_uploads": edge.bodies.uploads,
        "matinee_edge_handshakes": crowd.handshakes,
        "matinee_edge_handshake_ends_total": {**crowd.counts.handshakes},
        "matinee_edge_log_dropped_total": edge.log_dropped,
        "matinee_edge_log_lines_left_out_total": counts.log_rate.left_out,
        "matinee_edge_loop_errors_total": {**counts.loop_errors},
        "matinee_edge_reload_failures_total": {**reloader.failures},
        "matinee_edge_reload_failed": {part: int(part in reloader.failed) for part in reloader.failures},
        "matinee_edge_control_failures_total": {**edge.subscriber.supervised.failures} if edge.subscriber else {},
        "matinee_edge_control_connected": int(edge.subscriber is not None and edge.subscriber.is_connected),
        "matinee_edge_rules_version": edge.node.rules.version,
        "matinee_edge_jobs_total": {**edge.jobs.completed} if edge.jobs is not None else {},
        "matinee_edge_jobs_checkpoint": edge.jobs.version().number if edge.jobs is not None else 0,
        "matinee_edge_catching_up": int(edge.jobs is not None and edge.jobs.is_catching_up),
        "matinee_edge_marked_stale_objects": edge.marked_stale,
    }
