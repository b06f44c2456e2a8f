"""`matinee recommend overview|off-policy|early-exits`: how the lists of a running service do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from rich.console import Console
from rich.table import Table

from kernel.settings.table import COUNTRY, INTEGER, setting
from tools.recommend.client import ServiceApi, ServiceCommand, ServiceSettings, run_with_services, show_json


@dataclass(frozen=True, slots=True, kw_only=True)
class OffPolicySettings(ServiceSettings):
    """`matinee recommend off-policy`."""

    days: int = setting(INTEGER, "28", "Of so many last days.", least=1, most=365)
    window_hours: int = setting(INTEGER, "24", "Hours in which a title must be opened.", least=1, most=720)


@dataclass(frozen=True, slots=True, kw_only=True)
class ExitSettings(ServiceSettings):
    """`matinee recommend early-exits`."""

    country: str | None = setting(COUNTRY, None, "Only viewers in this country.")
    viewers: int = setting(INTEGER, "20", "Only titles that so many viewers began.", least=1, most=1_000_000)
    most: int = setting(INTEGER, "50", "Titles to show.", least=1, most=200)


def _overview(settings: ServiceSettings) -> int:
    """Print how lists do by country, and how old the model is."""

    async def work(services: ServiceApi) -> int:
        found = await services.get("/recommendations/overview")
        if settings.json:
            return show_json(found)
        model = found["model"]
        age = "" if model["ageSeconds"] is None else f", trained {model['ageSeconds'] / 3600:.1f} h ago"
        print(f"model {model['version'] or 'none'}{age}, {model['eventsSince']} events since")
        table = Table(
            "country", "lists", "fallbacks", "titles shown", "coverage", "Gini", "cold shown", header_style="bold"
        )
        for one in found["countries"]:
            table.add_row(
                one["country"] or "unknown", str(one["lists"]), f"{one['fallbackRate']:.1%}",
                f"{one['titlesShown']} of {one['titles']}", f"{one['coverage']:.1%}", f"{one['gini']:.3f}",
                f"{one['coldShare']:.1%}",
            )  # fmt: skip
        Console().print(table)
        return 0

    return run_with_services(settings, work)


def _off_policy(settings: OffPolicySettings) -> int:
    """Print what other policies would earn."""

    async def work(services: ServiceApi) -> int:
        asked: dict[str, Any] = {"days": settings.days, "windowHours": settings.window_hours}
        found = await services.get("/recommendations/off-policy", **asked)
        if settings.json:
            return show_json(found)
        table = Table("policy", "draws", "matching", "SNIPS", "interval", "IPS", header_style="bold")
        for one in found["policies"]:
            interval = one["interval"]
            text = "too few" if interval is None else f"{interval[0]:.4f} to {interval[1]:.4f}"
            table.add_row(
                one["policy"], str(one["draws"]), str(one["matching"]), f"{one['snips']:.4f}", text, f"{one['ips']:.4f}"
            )
        Console().print(table)
        return 0

    return run_with_services(settings, work)


def _early_exits(settings: ExitSettings) -> int:
    """Print the titles that are left early."""

    async def work(services: ServiceApi) -> int:
        asked: dict[str, Any] = {
            "country": settings.country, "viewers": settings.viewers, "limit": settings.most
        }  # fmt: skip
        found = await services.get("/recommendations/early-exits", **asked)
        if settings.json:
            return show_json(found)
        table = Table("title", "began", "left early", "share", "mean watched", header_style="bold")
        for one in found:
            name = one["title"] or one["contentId"]
            table.add_row(
                name,
                str(one["viewers"]),
                str(one["leftEarly"]),
                f"{one['share']:.1%}",
                f"{one['meanShareWatched']:.1%}",
            )
        Console().print(table)
        return 0

    return run_with_services(settings, work)


OVERVIEW = ServiceCommand(ServiceSettings, _overview)
OFF_POLICY = ServiceCommand(OffPolicySettings, _off_policy)
EARLY_EXITS = ServiceCommand(ExitSettings, _early_exits)
