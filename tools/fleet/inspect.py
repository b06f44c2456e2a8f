"""`matinee fleet hot|route|why`: popularity, routing decisions and explanations of a URL."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from rich.console import Console

from kernel.settings.table import COUNTRY, INTEGER, TEXT, setting
from tools.fleet.client import ControlApi, FleetCommand, FleetSettings, run_with_control, show_json
from tools.fleet.tables import size, table


@dataclass(frozen=True, slots=True, kw_only=True)
class HotSettings(FleetSettings):
    """`matinee fleet hot`."""

    region: str | None = setting(TEXT, None, "Only this region.")
    most: int = setting(INTEGER, "20", "Rows to show.", least=1, most=1000)


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteSettings(FleetSettings):
    """`matinee fleet route CONTENT`."""

    region: str | None = setting(TEXT, None, "The viewer's region.")
    country: str | None = setting(COUNTRY, None, "The viewer's country.")
    session: str | None = setting(TEXT, None, "The viewer's session.")
    most: int = setting(INTEGER, "5", "Edges to show.", least=1, most=50)


@dataclass(frozen=True, slots=True, kw_only=True)
class WhySettings(FleetSettings):
    """`matinee fleet why URL`."""

    country: str | None = setting(COUNTRY, None, "Explain for a viewer in this country.")
    address: str | None = setting(TEXT, None, "Explain for a viewer at this address.")
    edge: tuple[str, ...] = setting(TEXT, None, "Ask only these nodes.", many=True)


def hot(settings: HotSettings) -> int:
    """Show hot titles with their replica counts, and the most popular titles."""

    async def work(control: ControlApi) -> int:
        said = await control.get("/v1/hot", region=settings.region, limit=settings.most)
        if settings.json:
            return show_json(said)
        columns = ("region", "title", "rendition", "#share", "#replicas", "#first segments")
        rows = [
            (
                row["region"],
                row["contentId"],
                row["rendition"],
                f"{row['share']:.1%}",
                f"{row['replicas']}",
                f"{row['segments']}",
            )
            for row in said["hot"]
        ]
        Console().print(table("hot", columns, rows))
        popular = [
            (row["contentId"], row["rendition"], f"{row['popularity']:.2f}", size(row["bytes"]), f"{row['share']:.1%}")
            for row in said["popular"]
        ]
        Console().print(table("most popular", ("title", "rendition", "#views", "#bytes", "#share"), popular))
        return 0

    return run_with_control(settings, work)


def route(settings: RouteSettings, content: str) -> int:
    """Show the edges for a session, best first, then the rejected ones, each with the reason."""

    async def work(control: ControlApi) -> int:
        said = await control.get(
            "/v1/route", contentId=content, region=settings.region, country=settings.country,
            session=settings.session, most=settings.most,
        )  # fmt: skip
        if settings.json:
            return show_json(said)
        columns = ("", "node", "address", "region", "why")
        rows = [(f"{n}", *_choice(one)) for n, one in enumerate(said["edges"], 1)]
        rows += [("[red]no[/]", *_choice(one)) for one in said["passed"]]
        Console().print(table(f"edges for {content}", columns, rows))
        return 0 if said["edges"] else 1

    return run_with_control(settings, work)


def _choice(one: Mapping[str, str]) -> tuple[str, ...]:
    return (one["id"], one["address"], one["region"], one["why"])


def why(settings: WhySettings, url: str) -> int:
    """Show how each node would answer a URL, what it has cached of it, and why it would refuse it."""

    async def work(control: ControlApi) -> int:
        body: dict[str, Any] = {"url": url, "country": settings.country or "", "address": settings.address or ""}
        said = await control.post("/v1/why", body | ({"edges": list(settings.edge)} if settings.edge else {}))
        if settings.json:
            return show_json(said)
        columns = ("node", "role", "would", "cached", "fetched from", "as viewer in")
        Console().print(table(url.partition("?")[0], columns, [_row(edge) for edge in said["edges"]]))
        if (token := said.get("token")) is not None:
            what = (
                f"refused {token['status']} {token['refused']}: {token['sentence']}" if "refused" in token else "good"
            )
            print(f"the token is {what}")
        if said["notAsked"]:
            print(f"{said['notAsked']} more nodes were not asked; select them with --edge")
        return 0

    return run_with_control(settings, work)


def _row(edge: Mapping[str, Any]) -> tuple[str, ...]:
    if "error" in edge:
        return (edge["id"], edge["role"], f"[red]{edge['error']}[/]", "", "", "")
    would = edge.get("next", "")
    if edge.get("refused"):
        would = f"[red]refuse {edge['status']} {edge['refused']}[/]\n{edge['sentence']}"
    asked: list[Mapping[str, Any]] = edge.get("upstreams", [])
    first = asked[0]["url"] if asked else ""
    return (edge["id"], edge["role"], would, "\n".join(_cached(edge)), first, edge.get("country") or "")


def _cached(edge: Mapping[str, Any]) -> Iterator[str]:
    if edge.get("filling"):
        yield "being fetched"
    for held in edge.get("stored", []):
        slices = held.get("slices")
        part = f" {slices['held']}/{slices['of']} slices" if slices else ""
        fresh = f"fresh for {held['ttl']:.0f} s" if held["ttl"] > 0 else f"stale for {-held['ttl']:.0f} s"
        yield f"{'+'.join(held['tiers']) or 'head'} {size(held['bytes'] or 0)}{part}, {held['age']:.0f} s old, {fresh}"


HOT = FleetCommand(HotSettings, hot)
ROUTE = FleetCommand(RouteSettings, route)
WHY = FleetCommand(WhySettings, why)
