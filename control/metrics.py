"""Control's counters in Prometheus' text form, read when somebody asks."""

from __future__ import annotations

from collections import Counter

from control import changes
from control.counters import COUNTERS
from control.health import Standing
from control.plane import Plane
from kernel.counters import by_name
from kernel.fleet import KEYS, TYPES


def metrics_text(plane: Plane) -> str:
    """The text of /metrics."""
    desired, fanout = plane.store.desired, plane.fanout
    connected = [edge for edge in fanout.edges.values() if edge.connected]
    values: dict[str, dict[str, int]] = {
        "matinee_control_revision": {"": desired.revision},
        "matinee_control_titles": {"": len(changes.titles(desired))},
        "matinee_control_keys": {"": len(desired.shelves[KEYS].resources)},
        "matinee_control_edges_known": {"": len(fanout.edges)},
        "matinee_control_edges_connected": {"": len(connected)},
        "matinee_control_edges_behind": {
            f'{{type="{kind}"}}': sum(edge.applied.get(kind) != desired.shelves[kind].number for edge in connected)
            for kind in TYPES
        },
        "matinee_control_database_available": {"": int(plane.store.available)},
        "matinee_control_updates_total": {"": fanout.updates_sent},
        "matinee_control_refusals_total": {"": fanout.refusals},
    }
    values |= _routing(plane)
    lines = []
    for name, row in by_name(COUNTERS).items():
        lines += [f"# HELP {name} {row.sentence}", f"# TYPE {name} {row.kind}"]
        lines += [f"{name}{labels} {value}" for labels, value in values[name].items()]
    return "\n".join(lines) + "\n"


def _routing(plane: Plane) -> dict[str, dict[str, int]]:
    traffic = plane.traffic
    standings = Counter(verdict.standing.value for verdict in traffic.verdicts().values())
    return {
        "matinee_control_routes_total": {"": traffic.answered},
        "matinee_control_signals_total": {"": traffic.signals},
        "matinee_control_probes_total": {f'{{found="{name}"}}': count for name, count in traffic.probed.items()},
        "matinee_control_edges_standing": {f'{{standing="{one.value}"}}': standings[one.value] for one in Standing},
    }
