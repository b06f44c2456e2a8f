"""`matinee analytics qoe|live|dropoff|views|early`: reports of what viewers saw, as tables."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rich.console import Console
from rich.table import Table

from kernel.settings.table import INTEGER, TEXT, setting
from tools.fleet.tables import table
from tools.recommend.client import ServiceApi, ServiceCommand, ServiceSettings, run_with_services, show_json


@dataclass(frozen=True, slots=True, kw_only=True)
class RangeSettings(ServiceSettings):
    """A range of time."""

    started_after: str | None = setting(
        TEXT, None, "Views that started from then on: ISO 8601 or Unix seconds; a day ago."
    )
    started_before: str | None = setting(TEXT, None, "Views that started before then; now.")


@dataclass(frozen=True, slots=True, kw_only=True)
class QualitySettings(RangeSettings):
    """`matinee analytics qoe`."""

    by: str = setting(TEXT, "title", "title, region, country, edge, player, device or version; or two, with a comma.")


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveSettings(ServiceSettings):
    """`matinee analytics live`."""

    by: str = setting(TEXT, "region", "title, region, country, edge, player, device or version.")
    seconds: int = setting(INTEGER, "60", "How far back.", least=10, most=900)


@dataclass(frozen=True, slots=True, kw_only=True)
class EarlySettings(RangeSettings):
    """`matinee analytics early`."""

    share: str = setting(TEXT, "0.25", "Early: before this share of the length.")
    least: int = setting(INTEGER, "20", "Only titles with so many views.", least=1, most=1_000_000)


def show_quality(settings: QualitySettings) -> int:
    """Quality of experience by a dimension."""
    return _show(settings, "qoe", _range(settings) | {"by": settings.by}, _quality_table)


def show_live(settings: LiveSettings) -> int:
    """The last seconds."""
    return _show(settings, "live", {"by": settings.by, "seconds": settings.seconds}, _quality_table)


def show_drop_off(settings: RangeSettings, content: str) -> int:
    """Who still watched at each minute of a title."""
    return _show(settings, "dropoff", _range(settings) | {"contentId": content}, _drop_off_table)


def show_views(settings: RangeSettings) -> int:
    """Views by players and by edges."""
    columns = ("contentId", "#byEvents", "#byEdges", "#onlyEvents", "#onlyEdges")
    return _show(settings, "views", _range(settings), lambda rows: _plain_table("views", columns, rows))


def show_early(settings: EarlySettings) -> int:
    """Titles that many leave early."""
    columns = ("contentId", "#views", "#leftEarly", "#leftEarlyRatio", "#medianSeconds", "#durationSeconds")
    query = _range(settings) | {"share": settings.share, "least": settings.least}
    return _show(settings, "left-early", query, lambda rows: _plain_table("left early", columns, rows))


def _range(settings: RangeSettings) -> dict[str, Any]:
    return {"from": settings.started_after, "to": settings.started_before}


def _show(settings: ServiceSettings, report: str, query: Mapping[str, Any], draw: Callable[[Any], Table]) -> int:
    async def work(services: ServiceApi) -> int:
        said = await services.get(f"/analytics/{report}", **query)
        if settings.json:
            return show_json(said)
        Console().print(draw(said))
        return 0

    return run_with_services(settings, work)


_KEYS = ("title", "region", "country", "edge", "player", "device", "version")
_QUALITY = ("#views", "#starts", "#startup p50", "#p95", "#rebuffer", "#per 10 min", "#failed starts", "#failed later",
            "#exits", "#Mbit/s")  # fmt: skip


def _quality_table(rows: Sequence[Mapping[str, Any]]) -> Table:
    keys = [name for name in rows[0] if name in _KEYS] if rows else ["title"]
    made = [(*(str(row[key]) for key in keys), *_numbers(row)) for row in rows]
    return table("quality of experience", (*keys, *_QUALITY), made)


def _numbers(row: Mapping[str, Any]) -> tuple[str, ...]:
    startup, bitrate = row["startupMs"], row["bitrateMean"]
    return (
        str(row["views"]), str(row["starts"]), _seconds(startup["p50"]), _seconds(startup["p95"]),
        "–" if row["rebufferRatio"] is None else f"{row['rebufferRatio']:.2%}",
        "–" if row["rebuffersPer10Min"] is None else f"{row['rebuffersPer10Min']:.2f}",
        f"{row['startFailuresTechnical']} + {row['startFailuresBusiness']}",
        f"{row['playbackFailuresTechnical']} + {row['playbackFailuresBusiness']}",
        str(row["exitsBeforeStart"]), "–" if bitrate is None else f"{bitrate / 1e6:.2f}",
    )  # fmt: skip


def _seconds(milliseconds: int | None) -> str:
    return "–" if milliseconds is None else f"{milliseconds / 1000:.2f} s"


def _drop_off_table(said: Mapping[str, Any]) -> Table:
    rows = [(str(one["minute"]), f"{one['watching']:.1%}", str(one["left"])) for one in said["minutes"]]
    return table(f"{said['contentId']}: {said['views']} views", ("#minute", "#watching", "#left"), rows)


def _plain_table(title: str, columns: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> Table:
    names = [column.lstrip("#") for column in columns]
    return table(title, columns, [[str(row[name]) for name in names] for row in rows])


QOE = ServiceCommand(QualitySettings, show_quality)
LIVE = ServiceCommand(LiveSettings, show_live)
DROPOFF = ServiceCommand(RangeSettings, show_drop_off)
VIEWS = ServiceCommand(RangeSettings, show_views)
EARLY = ServiceCommand(EarlySettings, show_early)
