"""A plan as JSON and as text: the same tables on the terminal and in docs/scale.md. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from loadtest.planner.plan import Plan, RegionPlan
from loadtest.reports.formats import scaled

Table = tuple[str, Sequence[str], Sequence[Sequence[str]]]
"""A heading, column heads, rows."""


def as_plain(plan: Plan) -> dict[str, Any]:
    """JSON types, in base units: bits and bytes a second, bytes, seconds."""
    return {
        "demand": {
            "streams": plan.demand.streams,
            "bitrateBps": plan.demand.bitrate_bps,
            "regions": dict(plan.demand.regions),
        },
        "total": {
            "edges": sum(region.edges for region in plan.regions),
            "shields": sum(region.shields for region in plan.regions),
            "egressBps": plan.demand.streams * plan.demand.bitrate_bps * plan.figures["delivery_overhead"].value,
            "originBps": sum(region.origin_bps for region in plan.regions),
            "originNodes": plan.origin_nodes,
            "edgeDiskBytes": sum(region.edge_disk_bytes for region in plan.regions),
            "packagedBytes": plan.packaged_bytes,
            "storageBytes": plan.storage_bytes,
            "serviceNodes": plan.service_nodes,
            "searchNodes": plan.search_nodes,
            "eventsPerDay": plan.events_per_day,
            "eventCollectors": plan.event_collectors,
        },
        "regions": [_region_as_plain(region) for region in plan.regions],
        "figures": [
            {"name": figure.name, "value": figure.value, "unit": figure.unit, "source": figure.source}
            for figure in plan.figures.values()
        ],
        "hitCurve": {"points": [list(point) for point in plan.curve], "source": plan.curve_source},
    }


def _region_as_plain(region: RegionPlan) -> dict[str, Any]:
    return {
        "region": region.name,
        "streams": region.streams,
        "egressBps": region.egress_bps,
        "edges": region.edges,
        "boundBy": region.bound_by,
        "edgeDiskBytes": region.edge_disk_bytes,
        "edgeHitRatio": region.edge_hit,
        "shields": region.shields,
        "shieldEgressBps": region.shield_egress_bps,
        "originBps": region.origin_bps,
    }


def tables(plan: Plan) -> Iterator[Table]:
    """All of the plan, and every figure that it rests on."""
    yield _totals(plan)
    yield _regions(plan)
    yield _services(plan)
    curve = [(percent(point.share), percent(point.byte_hit)) for point in plan.curve]
    yield (
        f"Hit ratio of repeated requests by cache size ({plan.curve_source})",
        ("Cache, share of requested bytes", "Byte hit ratio"),
        curve,
    )
    rows = [
        (figure.name, f"{written(figure.value)} {figure.unit}".strip(), figure.source)
        for figure in sorted(plan.figures.values(), key=lambda figure: not figure.source.startswith("measured"))
    ]
    yield "What the plan rests on", ("Figure", "Value", "Where it comes from"), rows


def _totals(plan: Plan) -> Table:
    streams, bitrate = plan.demand.streams, plan.demand.bitrate_bps
    edges, shields = (sum(getattr(region, name) for region in plan.regions) for name in ("edges", "shields"))
    rows = [
        ("streams at the world's peak", written(streams)),
        ("bitrate of a stream", scaled(bitrate, "bit/s")),
        ("on screen at the peak", scaled(streams * bitrate, "bit/s")),
        ("sent at the peak, with delivery overhead", scaled(_sent(plan), "bit/s")),
        ("sent if every region peaks at once", scaled(sum(region.egress_bps for region in plan.regions), "bit/s")),
        ("edges", written(edges)),
        ("shields", written(shields)),
        ("disk of all edges", scaled(sum(region.edge_disk_bytes for region in plan.regions), "B")),
        ("from the origin, all regions", scaled(sum(region.origin_bps for region in plan.regions), "bit/s")),
        ("origin nodes", written(plan.origin_nodes)),
        ("packaged titles", scaled(plan.packaged_bytes, "B")),
        ("object storage, with source files and redundancy", scaled(plan.storage_bytes, "B")),
    ]
    return "The platform", ("What", "How much"), rows


def _sent(plan: Plan) -> float:
    return plan.demand.streams * plan.demand.bitrate_bps * plan.figures["delivery_overhead"].value


def _regions(plan: Plan) -> Table:
    heads = (
        "Region",
        "Streams",
        "Sent",
        "Edges",
        "Bound by",
        "Edge disk",
        "Edge byte hits",
        "Shields",
        "To edges",
        "Origin",
    )
    rows = [
        (
            region.name,
            written(region.streams),
            scaled(region.egress_bps, "bit/s"),
            written(region.edges),
            region.bound_by,
            scaled(region.edge_disk_bytes, "B"),
            percent(region.edge_hit),
            written(region.shields),
            scaled(region.shield_egress_bps, "bit/s"),
            scaled(region.origin_bps, "bit/s"),
        )
        for region in plan.regions
    ]
    return "Regions, each at its own peak", heads, rows


def _services(plan: Plan) -> Table:
    rows = [
        ("session starts a second, peak", written(plan.sessions_per_s)),
        ("heartbeats a second, peak", written(plan.heartbeats_per_s)),
        ("nodes for playback and catalogue", written(plan.service_nodes)),
        ("searches a second", written(plan.figures["searches_per_s"].value)),
        ("search nodes, each with the whole index", written(plan.search_nodes)),
        ("events a day", written(plan.events_per_day)),
        ("events as accepted, a day", scaled(plan.event_bytes_per_day, "B")),
        ("event collectors", written(plan.event_collectors)),
    ]
    return "Services", ("What", "How much"), rows


def written(value: float) -> str:
    """A number: whole with thousands apart, millions and trillions in words, small ones with three digits."""
    for factor, word in ((1e12, "trillion"), (1e9, "billion"), (1e6, "million")):
        if value >= factor:
            return f"{value / factor:.3g} {word}"
    if value >= 1000:
        return f"{round(value):,}"
    return f"{value:.3g}" if value != int(value) else f"{int(value)}"


def percent(share: float) -> str:
    """`47.2 %`."""
    return f"{share * 100:.3g} %"
