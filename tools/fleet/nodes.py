"""`matinee fleet list|show|top|drain|undrain|release|new-epoch`: the state of nodes, and changes to it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from rich.console import Console, Group
from rich.live import Live

from kernel.settings.table import DURATION, SWITCH, TEXT, setting
from tools.fleet.client import (
    ChangeSettings,
    ControlApi,
    FleetCommand,
    FleetSettings,
    path_segment,
    run_with_control,
    show_json,
)
from tools.fleet.tables import details_table, edges_table, now, size


@dataclass(frozen=True, slots=True, kw_only=True)
class TopSettings(FleetSettings):
    """`matinee fleet top`."""

    every: float = setting(DURATION, "2s", "Refresh interval.", least=0.2, most=3600)
    once: bool = setting(SWITCH, "off", "Print once and exit.")
    region: str | None = setting(TEXT, None, "Only nodes of this region.")


def list_nodes(settings: FleetSettings) -> int:
    """List all nodes."""

    async def work(control: ControlApi) -> int:
        edges = await control.pages("/v1/edges", "edges")
        if settings.json:
            return show_json(edges)
        console = Console()
        console.print(edges_table(edges, now(), console.width))
        return 0

    return run_with_control(settings, work)


def show_node(settings: FleetSettings, node: str) -> int:
    """Show the details of one node."""

    async def work(control: ControlApi) -> int:
        edge = await control.get(f"/v1/edges/{path_segment(node)}")
        if settings.json:
            return show_json(edge)
        Console().print(details_table(node, edge))
        return 0

    return run_with_control(settings, work)


def top(settings: TopSettings) -> int:
    """Show the fleet live, busiest nodes first, until Ctrl-C."""

    async def screen(control: ControlApi) -> Group:
        edges = await control.pages("/v1/edges", "edges")
        if settings.region:
            edges = [edge for edge in edges if settings.region in edge.get("region", "").split(",")]
        edges.sort(key=lambda edge: -((edge.get("report") or {}).get("bytesSent", 0)))
        reports = [edge["report"] for edge in edges if edge.get("connected") and edge.get("report")]
        requests = sum(report["requests"] / (report["seconds"] or 1.0) for report in reports)
        sent = sum(report["bytesSent"] / (report["seconds"] or 1.0) for report in reports)
        total = f"{len(reports)} serving · {requests:.0f} requests/s · {size(sent * 8, 'bit')}/s"
        return Group(total, edges_table(edges, now(), Console().width))

    async def work(control: ControlApi) -> int:
        if settings.once or settings.json:
            if settings.json:
                return show_json(await control.pages("/v1/edges", "edges"))
            Console().print(await screen(control))
            return 0
        with Live(await screen(control), screen=True, auto_refresh=False) as live:
            while True:
                await asyncio.sleep(settings.every)
                live.update(await screen(control), refresh=True)

    return run_with_control(settings, work)


def drain(settings: ChangeSettings, node: str) -> int:
    """Stop sending viewers to a node; it keeps serving those it has."""
    return _drained(settings, node, "drain")


def undrain(settings: ChangeSettings, node: str) -> int:
    """Resume sending viewers to a node."""
    return _drained(settings, node, "undrain")


def _drained(settings: ChangeSettings, node: str, verb: str) -> int:
    async def work(control: ControlApi) -> int:
        said = await control.post(f"/v1/edges/{path_segment(node)}/{verb}", reason=settings.reason)
        if settings.json:
            return show_json(said)
        since = f" since {said['drained']}" if said.get("drained") else ""
        print(f"{node} is {verb}ed{since} (revision {said['revision']})")
        return 0

    return run_with_control(settings, work)


def release(settings: ChangeSettings, node: str) -> int:
    """Release a node from quarantine: it may reconnect and starts with a clean record."""

    async def work(control: ControlApi) -> int:
        said = await control.post(f"/v1/edges/{path_segment(node)}/release", reason=settings.reason)
        if settings.json:
            return show_json(said)
        print(f"{node} is released (revision {said['revision']})")
        return 0

    return run_with_control(settings, work)


def new_epoch(settings: ChangeSettings) -> int:
    """Start a new epoch after restoring control's database: nodes reload their state and empty their caches."""

    async def work(control: ControlApi) -> int:
        said = await control.post("/v1/epoch", reason=settings.reason)
        if settings.json:
            return show_json(said)
        print(f"epoch {said['epoch']} started (revision {said['revision']}): nodes empty their caches")
        return 0

    return run_with_control(settings, work)


LIST = FleetCommand(FleetSettings, list_nodes)
SHOW = FleetCommand(FleetSettings, show_node)
TOP = FleetCommand(TopSettings, top)
DRAIN = FleetCommand(ChangeSettings, drain)
UNDRAIN = FleetCommand(ChangeSettings, undrain)
RELEASE = FleetCommand(ChangeSettings, release)
NEW_EPOCH = FleetCommand(ChangeSettings, new_epoch)
