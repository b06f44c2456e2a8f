"""Compare two runs: `python -m loadtest --compare A.json B.json`. Says when they cannot be compared."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from rich import box
from rich.console import Console
from rich.table import Table

from loadtest.reports.formats import shown
from loadtest.reports.metrics import METRICS, Better, Metric, value_of

NOISE = 0.05
"""A figure that differs by less than this share of the first is called the same."""

_MUST_MATCH = ("story", "seed", "speed")


class Difference(NamedTuple):
    """A figure in both runs. `change` is relative to the first; None where that is zero or one was not measured."""

    metric: Metric
    first: float | None
    second: float | None
    change: float | None

    @property
    def verdict(self) -> str:
        """`better`, `worse`, `same`, or nothing where no way is better."""
        if self.first is None or self.second is None or self.metric.better is Better.NEITHER:
            return ""
        if self.first == self.second or (self.change is not None and abs(self.change) < NOISE):
            return "same"
        grew = self.second > self.first
        return "better" if grew == (self.metric.better is Better.HIGHER) else "worse"


def differences(first: Mapping[str, Any], second: Mapping[str, Any]) -> list[Difference]:
    """Every figure that at least one of the runs measured."""
    found = []
    for metric in METRICS:
        one, other = value_of(first, metric), value_of(second, metric)
        if one is not None or other is not None:
            change = (other - one) / one if one and other is not None else None
            found.append(Difference(metric, one, other, change))
    return found


def doubts(first: Mapping[str, Any], second: Mapping[str, Any]) -> Iterator[str]:
    """Why a difference may not be the platform's."""
    for name in _MUST_MATCH:
        one, other = first["run"].get(name), second["run"].get(name)
        if one != other:
            yield f"the runs differ in {name}: {one} and {other}"
    if first["players"] != second["players"]:
        yield f"the runs have {first['players']} and {second['players']} players"
    for name, report in (("first", first), ("second", second)):
        yield from (f"the {name} run warns: {warning}" for warning in report["warnings"])


def compare_files(names: Sequence[str], console: Console | None = None) -> int:
    """Print the comparison; 0 when nothing is worse, 1 when something is, 2 for wrong usage."""
    console = console or Console()
    if len(names) != 2:
        print("usage: python -m loadtest --compare A.json B.json", file=sys.stderr)
        return 2
    try:
        first, second = (_read(name) for name in names)
    except ValueError as error:
        print(f"matinee loadtest: {error}", file=sys.stderr)
        return 2
    table = Table(box=box.SIMPLE_HEAVY)
    for heading in ("Figure", Path(names[0]).name, Path(names[1]).name, "Change", ""):
        table.add_column(heading, justify="left" if heading in ("Figure", "") else "right")
    found = differences(first, second)
    for row in found:
        dimension, change = row.metric.dimension, "–" if row.change is None else f"{row.change:+.1%}"
        table.add_row(row.metric.name, shown(row.first, dimension), shown(row.second, dimension), change, row.verdict)
    console.print(table)
    for doubt in doubts(first, second):
        console.print(f"Warning: {doubt}", highlight=False, markup=False)
    return 1 if any(row.verdict == "worse" for row in found) else 0


def _read(name: str) -> dict[str, Any]:
    """A report. Raises ValueError when the file is none."""
    try:
        report = json.loads(Path(name).read_text(encoding="utf-8"))
    except OSError as error:
        raise ValueError(f"{name} cannot be read: {error.strerror}") from None
    except ValueError:
        raise ValueError(f"{name} is no JSON") from None
    if not isinstance(report, dict) or not {"run", "players", "warnings"} <= report.keys():
        raise ValueError(f"{name} is no report of `matinee loadtest`")
    return report
