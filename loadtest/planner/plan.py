"""Demand and figures → nodes, disks, bandwidth and storage by region. Pure arithmetic; every step is a line here."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from loadtest.planner.assumptions import REGIONS, Figure, Figures
from loadtest.planner.hit_curve import DEFAULT, Point, byte_hit


@dataclass(frozen=True, slots=True)
class Demand:
    """What the platform has to carry at the world's peak."""

    streams: float
    bitrate_bps: float
    regions: Mapping[str, float]
    """Shares of the streams; they sum to 1."""


@dataclass(frozen=True, slots=True)
class RegionPlan:
    """One region at its own peak."""

    name: str
    streams: float
    egress_bps: float
    edges: int
    bound_by: str
    """What decides the number of edges: `cpu`, `network` or `memory`."""
    edge_disk_bytes: float
    edge_hit: float
    """Share of the bytes sent that come from the edges' caches, first requests left out."""
    shields: int
    shield_egress_bps: float
    origin_bps: float


@dataclass(frozen=True, slots=True)
class Plan:
    """The whole platform."""

    demand: Demand
    figures: Figures
    curve: Sequence[Point]
    curve_source: str
    regions: tuple[RegionPlan, ...]
    packaged_bytes: float
    storage_bytes: float
    origin_nodes: int
    sessions_per_s: float
    heartbeats_per_s: float
    service_nodes: int
    search_nodes: int
    events_per_day: float
    event_collectors: int
    event_bytes_per_day: float


WEEK_S = 7 * 86_400
"""What a region requests at all changes from week to week: each byte of it is fetched once a week."""

ASSUMED_CURVE = "assumed: LRU on one server of a large CDN (TRAGEN, IMC 2021)"


def make_plan(
    demand: Demand, figures: Figures, curve: Sequence[Point] = DEFAULT, curve_source: str = ASSUMED_CURVE
) -> Plan:
    """Plan the platform. The arithmetic uses `figures` by their names in `assumptions.ASSUMPTIONS`."""
    of = _values(figures)
    packaged = of["titles"] * of["title_seconds"] * (of["ladder_bps"] + of["uhd_share"] * 16e6) / 8
    mezzanine = of["titles"] * of["title_seconds"] * of["mezzanine_bps"] / 8
    regions = tuple(
        _region(name, share * demand.streams * of["regional_peak"], demand.bitrate_bps, of, curve, packaged)
        for name, share in demand.regions.items()
    )
    day_s = 86_400
    sessions_per_day = of["daily_viewers"] * of["sessions_per_viewer"]
    watched_minutes = sessions_per_day * of["minutes_per_session"]
    events = watched_minutes * (60 / of["heartbeat_s"] + of["events_per_minute"])
    sessions_per_s = sessions_per_day / day_s * of["day_peak"]
    heartbeats_per_s = demand.streams / of["heartbeat_s"]
    origin_bps = sum(region.origin_bps for region in regions)
    return Plan(
        demand=demand,
        figures=figures,
        curve=curve,
        curve_source=curve_source,
        regions=regions,
        packaged_bytes=packaged,
        storage_bytes=(packaged + mezzanine) * of["storage_overhead"] * of["storage_regions"],
        origin_nodes=_nodes(origin_bps / (of["node_nic_bps"] * of["nic_limit"]), of),
        sessions_per_s=sessions_per_s,
        heartbeats_per_s=heartbeats_per_s,
        service_nodes=_by_cpu(sessions_per_s * of["start_cpu_s"] + heartbeats_per_s * of["heartbeat_cpu_s"], of),
        search_nodes=_by_cpu(of["searches_per_s"] * of["search_cpu_s"], of),
        events_per_day=events,
        event_collectors=_by_cpu(events / day_s * of["day_peak"] / of["events_per_core_s"], of),
        event_bytes_per_day=events * of["event_bytes"],
    )


def _values(figures: Mapping[str, Figure]) -> dict[str, float]:
    return {name: figure.value for name, figure in figures.items()}


def _nodes(exact: float, of: Mapping[str, float]) -> int:
    """Whole nodes with spare ones, at least two."""
    return max(2, math.ceil(exact * (1 + of["spare"])))


def _by_cpu(cores: float, of: Mapping[str, float]) -> int:
    return _nodes(cores / (of["node_cores"] * of["cpu_limit"]), of)


def edge_cores(egress_bps: float, of: Mapping[str, float]) -> float:
    """Cores that sending so much takes on edges, with TLS."""
    return egress_bps / 8 / 1e9 * (of["edge_cpu_s_per_gb"] + of["tls_cpu_s_per_gb"])


def _region(
    name: str,
    streams: float,
    bitrate_bps: float,
    of: Mapping[str, float],
    curve: Sequence[Point],
    packaged: float,
) -> RegionPlan:
    egress = streams * bitrate_bps * of["delivery_overhead"]
    connections = streams * of["connections_per_stream"]
    memory = connections * (of["memory_per_connection"] + of["kernel_memory_per_connection"])
    needs = {
        "cpu": edge_cores(egress, of) / (of["node_cores"] * of["cpu_limit"] - of["edge_idle_cores"]),
        "network": egress / (of["node_nic_bps"] * of["nic_limit"]),
        "memory": memory / (of["node_ram_bytes"] / 2),
    }
    bound_by = max(needs, key=needs.__getitem__)
    edges = _nodes(needs[bound_by], of)
    footprint = packaged * of["requested_share"]
    disk = edges * of["node_disk_bytes"]
    edge_hit = byte_hit(curve, disk / of["copies_per_region"] / footprint)
    first_bps = footprint * 8 / WEEK_S * of["day_peak"]
    shield_egress = egress * (1 - edge_hit) + first_bps * of["copies_per_region"]
    # Shields see what the edges miss. What they save is what a cache of both sizes would save beyond the edges' own.
    both = byte_hit(curve, disk * (1 / of["copies_per_region"] + of["shield_share_of_cache"]) / footprint)
    by_cpu = shield_egress / 8 / 1e9 * of["shield_cpu_s_per_gb"] / (of["node_cores"] * of["cpu_limit"])
    by_network = shield_egress / (of["node_nic_bps"] * of["nic_limit"])
    by_disk = disk * of["shield_share_of_cache"] / of["node_disk_bytes"]
    return RegionPlan(
        name=name,
        streams=streams,
        egress_bps=egress,
        edges=edges,
        bound_by=bound_by,
        edge_disk_bytes=disk,
        edge_hit=edge_hit,
        shields=_nodes(max(by_cpu, by_network, by_disk), of),
        shield_egress_bps=shield_egress,
        origin_bps=egress * (1 - max(edge_hit, both)) + first_bps,
    )


def demand_of(streams: float, bitrate_bps: float, regions: Mapping[str, float] = REGIONS) -> Demand:
    """The demand, with shares that sum to 1."""
    total = sum(regions.values())
    return Demand(streams, bitrate_bps, {name: share / total for name, share in regions.items()})
