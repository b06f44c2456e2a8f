"""Control's counters as a table, from which docs/counters.md is generated."""

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
        "Connected edges that lack the latest version of a type.",
        ("type",),
    ),
    Counter(
        "matinee_control_nodes_quarantined",
        "gauge",
        "Nodes that claim more than control's own log has, until an operator releases them. Alert above 0.",
    ),
    Counter(
        "matinee_control_database_available", "gauge", "1 while the database answers, 0 while control refuses changes."
    ),
    Counter("matinee_control_audit_broken", "gauge", "1 once the audit log failed verification."),
    Counter("matinee_control_updates_total", "counter", "Snapshots and deltas sent to edges."),
    Counter("matinee_control_routes_total", "counter", "Routing queries answered."),
    Counter("matinee_control_signals_total", "counter", "Reports from playback about sessions at edges."),
    Counter("matinee_control_probes_total", "counter", "Probes of edges, by result.", ("result",)),
    Counter("matinee_control_edges_standing", "gauge", "Edges by standing in routing.", ("standing",)),
    Counter("matinee_control_jobs_head", "gauge", "The latest job in the log of purges and prefetches."),
    Counter("matinee_control_jobs_released", "gauge", "The latest job that edges may get; shields get jobs first."),
    Counter(
        "matinee_control_jobs_done", "gauge", "The latest job up to which every connected node has done all purges."
    ),
    Counter("matinee_control_jobs_waiting", "gauge", "Jobs held back from edges until shields have done them."),
    Counter(
        "matinee_control_jobs_late_shields",
        "gauge",
        "Purges that a late shield has still to do; `any`: of all late shields.",
        ("shield",),
    ),
    Counter(
        "matinee_control_jobs_lag",
        "gauge",
        "Purges that connected nodes are behind, by quantile of nodes.",
        ("quantile",),
    ),
    Counter("matinee_control_jobs_asked_total", "counter", "Jobs requested at this replica, by kind.", ("kind",)),
    Counter("matinee_control_receipts_total", "counter", "Receipts of jobs, by status.", ("status",)),
    Counter(
        "matinee_control_receipt_seconds", "summary", "Seconds from a job's request to a receipt of it.", ("quantile",)
    ),
    Counter("matinee_control_refusals_total", "counter", "Updates that edges rejected."),
    Counter(
        "matinee_control_refused_messages_total",
        "counter",
        "Messages from nodes that were ignored because a number, name or list was out of bounds, by kind.",
        ("kind",),
    ),
    Counter(
        "matinee_control_task_failures_total",
        "counter",
        "Failures of background tasks, each restarted. Any is a bug.",
        ("task",),
    ),
)
