"""Format control's JSON answers as terminal tables."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from rich.table import Table

Json = Mapping[str, Any]
BEHIND_MARK = "[yellow]behind[/]"


def table(title: str, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> Table:
    """Make a table; columns whose name begins with `#` are right-aligned numbers."""
    made = Table(title=title, title_justify="left", header_style="bold")
    for column in columns:
        made.add_column(
            column.lstrip("#"), justify="right" if column.startswith("#") else "left", overflow="fold", min_width=4
        )
    for row in rows:
        made.add_row(*row)
    return made


ALL_COLUMNS = (
    "node", "role", "region", "state", "#req/s", "#hits", "#sent", "#errors", "#conns", "#lag", "rules", "last seen",
)  # fmt: skip
NARROW = ("node", "region", "state", "#req/s", "#hits", "#sent", "#errors")
NARROW_BELOW = 120
"""Terminal width, in characters, below which the table of nodes drops columns."""


def edges_table(edges: Sequence[Json], now: datetime, width: int = NARROW_BELOW) -> Table:
    """The fleet, one row per node, for a terminal `width` characters wide."""
    latest = max((int(edge.get("acked", {}).get("rules", 0)) for edge in edges), default=0)
    columns = ALL_COLUMNS if width >= NARROW_BELOW else NARROW
    kept = [ALL_COLUMNS.index(column) for column in columns]
    rows = [_edge(edge, now, latest) for edge in edges]
    return table(f"{len(edges)} nodes", columns, [[row[place] for place in kept] for row in rows])


def _edge(edge: Json, now: datetime, latest: int) -> tuple[str, ...]:
    report = edge.get("report")
    numbers = ("", "", "", "", "", "") if report is None else _numbers(report)
    region = "/".join(part for part in (edge.get("region"), edge.get("pop")) if part)
    applied = edge.get("applied", {}).get("rules")
    rules = "" if applied is None else f"{applied}" if applied >= latest else f"{applied} {BEHIND_MARK}"
    seen = "" if edge.get("lastSeen") is None else relative_time(edge["lastSeen"], now)
    return (edge["id"], edge.get("role", ""), region, state(edge), *numbers, rules, seen)


def state(edge: Json) -> str:
    """The state of a node, in a word or two."""
    if edge.get("role") not in ("edge", "shield"):
        return "enrolled"
    if edge.get("quarantined"):
        return "[red]quarantined[/]"
    if edge.get("drained"):
        return "[blue]drained[/]"
    if not edge.get("connected"):
        return "[red]disconnected[/]"
    report = edge.get("report") or {}
    if report.get("draining"):
        return "[blue]draining[/]"
    if report and not report.get("ready", True):
        return "[yellow]not ready[/]"
    return "[yellow]refusing[/]" if edge.get("errors") else "[green]serving[/]"


def _numbers(report: Json) -> tuple[str, ...]:
    seconds, requests = report["seconds"] or 1.0, report["requests"]
    return (
        f"{requests / seconds:.0f}",
        f"{report['hits'] / requests:.1%}" if requests else "",
        f"{size(report['bytesSent'] * 8 / seconds, 'bit')}/s",
        f"{report['errors'] / requests:.2%}" if requests and report["errors"] else "0" if requests else "",
        f"{report['connections']}",
        f"{report['loopDelay'] * 1000:.0f} ms",
    )


def size(value: float, unit: str = "B") -> str:
    """Format with decimal prefixes, such as `1.5 GB`."""
    for prefix in ("", "k", "M", "G", "T", "P"):
        if abs(value) < 1000:
            return f"{value:.0f} {unit}" if not prefix else f"{value:.1f} {prefix}{unit}"
        value /= 1000
    return f"{value:.1f} E{unit}"


def relative_time(moment: str, now: datetime) -> str:
    """Format an ISO 8601 time relative to `now`, such as `12 s ago`."""
    seconds = max(0.0, (now - datetime.fromisoformat(moment)).total_seconds())
    for length, unit in ((86400.0, "d"), (3600.0, "h"), (60.0, "min")):
        if seconds >= length:
            return f"{seconds / length:.0f} {unit} ago"
    return f"{seconds:.0f} s ago"


def now() -> datetime:
    """The current time (UTC)."""
    return datetime.now(UTC)  # noqa: TID251 (the only clock of the fleet's tables)


def details_table(title: str, said: Json) -> Table:
    """One object, a row per member; empty members are left out."""
    rows = [(name, _text(value)) for name, value in said.items() if value not in (None, "", [], {})]
    made = Table(title=title, title_justify="left", show_header=False)
    for row in rows:
        made.add_row(*row)
    return made


def _text(value: object) -> str:
    if isinstance(value, Mapping):
        return "\n".join(f"{name}: {_text(one)}" for name, one in value.items() if one not in (None, ""))
    if isinstance(value, list):
        return "\n".join(_text(one) for one in value)
    return f"{value:.3f}" if isinstance(value, float) else str(value)


def changes_table(title: str, changes: Iterable[Json]) -> Table:
    """Changes, with the values before and after."""
    rows = [
        (change["kind"], change["name"], _text(change["before"] or ""), _text(change["after"] or ""))
        for change in changes
    ]
    return table(title, ("kind", "name", "before", "after"), rows)
