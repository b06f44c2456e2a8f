"""Control's counters in Prometheus' text format, read at each scrape."""

from __future__ import annotations

from collections import Counter

from control.commands import ControlService
from control.counters import COUNTERS
from control.desired import changes
from control.fleet.fanout import MESSAGE_KINDS
from control.jobs.status import quantile
from control.routing.health import Standing
from kernel.counters import by_name
from kernel.fleet.messages import KEYS, TYPES


def metrics_text(plane: ControlService) -> str:
    """The text of /metrics."""
    desired, fanout = plane.store.desired, plane.fanout
    connected = [edge for edge in fanout.edges.values() if edge.connected]
    values: dict[str, dict[str, float]] = {
        "matinee_control_revision": {"": desired.revision},
        "matinee_control_titles": {"": len(changes.title_ids(desired))},
        "matinee_control_keys": {"": len(desired.resource_sets[KEYS].resources)},
        "matinee_control_edges_known": {"": len(fanout.edges)},
        "matinee_control_edges_connected": {"": len(connected)},
        "matinee_control_edges_behind": {
            f'{{type="{kind}"}}': sum(
                edge.applied.get(kind) != desired.resource_sets[kind].number for edge in connected
            )
            for kind in TYPES
        },
        "matinee_control_nodes_quarantined": {"": len(plane.quarantined())},
        "matinee_control_database_available": {"": int(plane.store.available)},
        "matinee_control_audit_broken": {"": int(bool(plane.audit_log.broken))},
        "matinee_control_updates_total": {"": fanout.updates_sent},
        "matinee_control_refusals_total": {"": fanout.refusals},
        "matinee_control_refused_messages_total": {
            f'{{kind="{kind}"}}': fanout.refused_messages[kind] for kind in MESSAGE_KINDS
        },
        "matinee_control_task_failures_total": {
            f'{{task="{task}"}}': count
            for task, count in [*sorted(plane.supervised.failures.items()), ("messages", fanout.failed_hooks)]
        },
    }
    values |= _routing(plane) | _jobs(plane)
    lines = []
    for name, row in by_name(COUNTERS).items():
        lines += [f"# HELP {name} {row.sentence}", f"# TYPE {name} {row.kind}"]
        lines += [f"{name}{labels} {value}" for labels, value in values[name].items()]
    return "\n".join(lines) + "\n"


def _routing(plane: ControlService) -> dict[str, dict[str, float]]:
    routing = plane.routing
    standings = Counter(verdict.standing.value for verdict in routing.verdicts().values())
    return {
        "matinee_control_routes_total": {"": routing.answered},
        "matinee_control_signals_total": {"": routing.signals},
        "matinee_control_probes_total": {f'{{result="{name}"}}': count for name, count in routing.probed.items()},
        "matinee_control_edges_standing": {f'{{standing="{one.value}"}}': standings[one.value] for one in Standing},
    }


def _jobs(plane: ControlService) -> dict[str, dict[str, float]]:
    jobs = plane.jobs
    dispatch, took = jobs.dispatch, sorted(jobs.dispatch.seconds)
    late = Counter(shield for shields in dispatch.gate.late.values() for shield in shields)
    lags = dispatch.lags()
    return {
        "matinee_control_jobs_head": {"": dispatch.log.head},
        "matinee_control_jobs_released": {"": dispatch.gate.released},
        "matinee_control_jobs_done": {"": dispatch.done_upto(connected=True)},
        "matinee_control_jobs_waiting": {"": max(0, dispatch.log.head - dispatch.gate.released)},
        "matinee_control_jobs_late_shields": {
            f'{{shield="{name}"}}': count for name, count in [*sorted(late.items()), ("any", len(dispatch.gate.late))]
        },
        "matinee_control_jobs_lag": {f'{{quantile="{share:g}"}}': quantile(lags, share) or 0 for share in (0.5, 1.0)},
        "matinee_control_jobs_asked_total": {f'{{kind="{kind}"}}': count for kind, count in jobs.appended.items()},
        "matinee_control_receipts_total": {
            '{status="done"}': dispatch.receipts - dispatch.failures,
            '{status="failed"}': dispatch.failures,
        },
        "matinee_control_receipt_seconds": {
            **{f'{{quantile="{share:g}"}}': quantile(took, share) or 0 for share in (0.5, 0.99)},
            "_sum": dispatch.seconds_sum,
            "_count": dispatch.seconds_count,
        },
    }
