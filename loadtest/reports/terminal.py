"""The report on the terminal, when the run is over."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from loadtest.reports.formats import count, share, shown
from loadtest.reports.metrics import BY_NAME, METRICS, normalised, value_of

_ALWAYS_SHOWN = frozenset(
    {
        "startupMs.p50", "startupMs.p95", "startupMs.p99", "rebufferRatio.mean", "rebufferRatio.p95",
        "longestStallMs.max", "bitrateMean", "switchesMean", "errors", "requests", "failedRequests", "bytes",
        "hitRatio", "originRequests", "originBodies", "originOffload", "objects", "edgeCpuSeconds", "pacingErrorP95",
    }
)  # fmt: skip


def print_report(report: Mapping[str, Any], console: Console | None = None) -> None:
    """Figures, expectations, warnings and the verdict."""
    console = console or Console()
    run = report["run"]
    basis = f"{count(report['players'])} players, generator at {share(report['generatorCpuShare'])} of a core"
    figures = Table(box=box.SIMPLE_HEAVY, title=f"{escape(run['story'])}: {basis}", title_justify="left")
    figures.add_column("Figure")
    figures.add_column("Value", justify="right")
    for metric in METRICS:
        if metric.name in _ALWAYS_SHOWN and (value := value_of(report, metric)) is not None:
            figures.add_row(metric.sentence, shown(value, metric.dimension))
    console.print(figures)
    for row in report["expectations"]:
        mark = "[green]holds[/]" if row["ok"] else "[bold red]does not hold[/]"
        measured = "measured: " + shown(row["value"], BY_NAME[normalised(row["figure"])].dimension)
        console.print(f"  {mark}  {escape(row['name'])}  ({measured})", highlight=False)
    for name in report.get("notMeasured", ()):
        console.print(f"  [yellow]not measured here[/]  {escape(name)}", highlight=False)
    for warning in report["warnings"]:
        console.print(f"[bold yellow]Warning:[/] {escape(warning)}", highlight=False)
    console.print("[bold green]passed[/]" if report.get("passed") else "[bold red]failed[/]")
