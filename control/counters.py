"""Everything control counts, as a table; docs/counters.md is made from it."""

from __future__ import annotations

from kernel.counters import Counter

COUNTERS = (
    Counter("matinee_control_revision", "gauge", "The latest revision of the desired state."),
    Counter("matinee_control_titles", "gauge", "Titles with a licence."),
    Counter("matinee_control_keys", "gauge", "Public keys that tokens verify with."),
    Counter("matinee_control_edges_known", "gauge", "Edges ever seen."),
    Counter("matinee_control_edges_connected", "gauge", "Edges connected now, to whichever replica of control."),
    Counter(
        "matinee_control_edges_behind",
        "gauge",
        "Edges connected that lack the latest of a type.",
        ("type",),
    ),
    Counter(
        "matinee_control_nodes_quarantined",
        "gauge",
        "Nodes that claim more than control's own log has, held until an operator decides. Alert above 0.",
    ),
    Counter("matinee_control_database_available", "gauge", "1 while the database answers; else changes are refused."),
    Counter("matinee_control_audit_broken", "gauge", "1 once the audit log was found to be not as it was written."),
    Counter("matinee_control_updates_total", "counter", "Snapshots and deltas sent to edges."),
    Counter("matinee_control_routes_total", "counter", "Sessions told which edges to use."),
    Counter("matinee_control_signals_total", "counter", "What playback told of sessions at edges."),
    Counter("matinee_control_probes_total", "counter", "Probes of edges, by what they found.", ("found",)),
    Counter("matinee_control_edges_standing", "gauge", "Edges, by how they stand with routing.", ("standing",)),
    Counter("matinee_control_jobs_head", "gauge", "The latest number in the log of purges and prefetches."),
    Counter("matinee_control_jobs_released", "gauge", "Up to which of them edges are told; shields come first."),
    Counter("matinee_control_jobs_done", "gauge", "Up to which number every connected node has purged."),
    Counter("matinee_control_jobs_waiting", "gauge", "Jobs that wait for shields."),
    Counter(
        "matinee_control_jobs_late_shields",
        "gauge",
        "Purges that a late shield has still to do; `any`: of them all.",
        ("shield",),
    ),
    Counter(
        "matinee_control_jobs_lag", "gauge", "Purges that nodes are behind, by the worst and by half of them.", ("of",)
    ),
    Counter("matinee_control_jobs_asked_total", "counter", "Jobs asked for here since the start.", ("kind",)),
    Counter("matinee_control_receipts_total", "counter", "Receipts of jobs, by what they say.", ("status",)),
    Counter(
        "matinee_control_receipt_seconds", "gauge", "From a job to a receipt, of the latest receipts.", ("quantile",)
    ),
    Counter("matinee_control_refusals_total", "counter", "Updates that edges refused."),
    Counter(
        "matinee_control_refused_messages_total",
        "counter",
        "Messages of nodes with a number, name or list out of bounds, left out; by kind.",
        ("kind",),
    ),
    Counter(
        "matinee_control_task_failures_total",
        "counter",
        "Failures of what control does for ever; each was begun again. Any is a bug.",
        ("task",),
    ),
)
