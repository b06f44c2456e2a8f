"""What a run says about the capacity of its nodes: CPU a gigabyte, memory a connection, hit ratios. Pure.

CPU is split into what a node uses anyway and what it uses for each gigabyte, by a least-squares line through the parts
of the run: an idle edge is not free, and a short run would blame its bytes for that. Memory a connection is the growth
of anonymous memory by the peak of connections; the growth of the cache's index is in it, so it errs on the high side.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from loadtest.nodes.series import NodeRole, Series
from loadtest.reports.totals import Totals, ratio
from loadtest.session import RequestKind

_ROLES = (NodeRole.EDGE, NodeRole.SHIELD, NodeRole.ORIGIN)


class Fit(NamedTuple):
    """y = at_zero + slope · x."""

    at_zero: float
    slope: float


def fit_line(xs: Sequence[float], ys: Sequence[float]) -> Fit:
    """The least-squares line, neither part negative; through the origin where the xs do not differ enough."""
    count, sum_x, sum_y = len(xs), sum(xs), sum(ys)
    if not count or sum_x <= 0:
        return Fit(ratio(sum_y, count), 0.0)
    mean_x, mean_y = sum_x / count, sum_y / count
    spread = sum((x - mean_x) ** 2 for x in xs)
    if spread <= 1e-6 * count * mean_x**2:
        return Fit(0.0, mean_y / mean_x)
    slope = sum((x - mean_x) * (y - mean_y) for x, y in zip(xs, ys, strict=True)) / spread
    at_zero = mean_y - slope * mean_x
    if at_zero < 0 or slope < 0:
        return Fit(0.0, mean_y / mean_x)
    return Fit(at_zero, slope)


def capacity_figures(series: Iterable[Series], totals: Totals, wall_s: float) -> dict[str, Any]:
    """Figures by role, for `matinee plan --measured`; roles that were not watched are left out."""
    series = list(series)
    found: dict[str, Any] = {}
    for role in _ROLES:
        mine = [each for each in series if each.node.role is role and each.total("cpu_s") is not None]
        if any(each.total("bytes_sent") for each in mine):
            found[role.value] = _role_figures(mine, wall_s)
    services = [each for each in series if each.node.role is NodeRole.SERVICES and each.total("cpu_s") is not None]
    starts = sum(each.count for key, each in totals.requests.items() if key.kind is RequestKind.START)
    if services and starts:
        found["services"] = {"cpuSecondsPerStart": sum(each.total("cpu_s") or 0.0 for each in services) / starts}
    quality = totals.quality
    played_bytes = quality.bitrate_mean_bps / 8 * quality.played_s
    found["players"] = {
        "meanStreams": round(ratio(sum(totals.timeline.present_s), totals.timeline.seconds), 3),
        "bitrateMean": round(quality.bitrate_mean_bps),
        "deliveryOverhead": round(ratio(totals.requests_where().bytes, played_bytes), 4),
        "connectionsPerStream": _per_stream(series, totals),
    }
    return found


def _role_figures(series: Sequence[Series], wall_s: float) -> dict[str, float | int | None]:
    parts = len(series[0].parts["cpu_s"])
    part_s = wall_s / parts
    sent = [value / 1e9 / part_s for each in series for value in each.parts.get("bytes_sent", [0.0] * parts)]
    cores = [value / part_s for each in series for value in each.parts["cpu_s"]]
    fit = fit_line(sent, cores)
    total = {name: sum(each.total(name) or 0.0 for each in series) for name in ("cpu_s", "bytes_sent", "requests")}
    filled = sum(each.total("bytes_filled") or 0.0 for each in series)
    return {
        "nodes": len(series),
        "wallSeconds": round(wall_s, 3),
        "cpuSeconds": round(total["cpu_s"], 4),
        "bytesSent": round(total["bytes_sent"]),
        "requests": round(total["requests"]),
        "cpuSecondsPerGB": round(fit.slope, 5),
        "idleCores": round(fit.at_zero, 5),
        "byteHitRatio": round(1 - ratio(filled, total["bytes_sent"]), 5) if filled else None,
        "memoryBytesPerConnection": _per_connection(series),
        "kernelBytesPerConnection": _in_kernel(series),
        "peakConnections": round(sum(each.peak.get("connections", 0.0) for each in series)),
    }


def _per_connection(series: Sequence[Series]) -> int | None:
    grown = sum(max(0.0, each.peak.get("anon_bytes", 0.0) - each.first.get("anon_bytes", 0.0)) for each in series)
    connections = sum(each.peak.get("connections", 0.0) - each.first.get("connections", 0.0) for each in series)
    return round(grown / connections) if connections >= 1 else None


def _per_stream(series: Iterable[Series], totals: Totals) -> float | None:
    """The edges' connections at the peak by the streams at the peak; None where the edges were not watched."""
    edges = [each for each in series if each.node.role is NodeRole.EDGE]
    connections = sum(each.peak.get("connections", 0.0) - each.first.get("connections", 0.0) for each in edges)
    present_s = totals.timeline.present_s
    streams = max(present_s, default=0.0) / (totals.timeline.seconds / len(present_s)) if present_s else 0.0
    return round(connections / streams, 3) if connections >= 1 and streams >= 1 else None


def _in_kernel(series: Sequence[Series]) -> int | None:
    """The peak of the sockets' memory by that of the connections."""
    held, connections = (sum(each.peak.get(name, 0.0) for each in series) for name in ("socket_bytes", "connections"))
    return round(held / connections) if held and connections >= 1 else None


def predict_cores(figures: Mapping[str, Any], nodes: int, gb_per_second: float) -> float:
    """Cores that `nodes` nodes of a role use together to send so much, by the figures of another run."""
    return float(figures["idleCores"]) * nodes + float(figures["cpuSecondsPerGB"]) * gb_per_second
