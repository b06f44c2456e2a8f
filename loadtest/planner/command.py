"""`matinee plan`: what a platform for so many streams needs, by figures measured on a node and printed assumptions.

`--check REPORT.json` compares instead: what the measured figures predict for the nodes of another run of
`matinee loadtest`, and what that run measured; the exit code is 1 when they differ by more than 15 %.
"""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kernel.errors import BadSettings
from kernel.settings.table import NUMBER, PATH, SWITCH, TEXT, setting
from loadtest.planner.assumptions import REGIONS, figures_with, read_assumptions
from loadtest.planner.check import MAX_ERROR, Prediction, predictions
from loadtest.planner.hit_curve import DEFAULT
from loadtest.planner.measured import Measured, read_measured
from loadtest.planner.plan import ASSUMED_CURVE, Plan, demand_of, make_plan
from loadtest.planner.show import as_plain, percent, tables
from loadtest.reports.formats import scaled


@dataclass(frozen=True, slots=True)
class PlanSettings:
    """`matinee plan`."""

    streams: float = setting(
        NUMBER, "10e6", "Streams at the world's peak, such as 10e6.", flag_only=True, least=1, most=1e10
    )
    bitrate: float = setting(
        NUMBER, "5e6", "Mean bitrate of a stream in bits a second, such as 5e6.", flag_only=True, least=1e4, most=1e9
    )
    measured: Path | None = setting(
        PATH, None, "A report of `matinee loadtest --json`, whose figures replace assumed ones.", flag_only=True
    )
    assume: tuple[str, ...] = setting(
        TEXT, None, "A figure in place of the assumed or measured one: `node_cores=64`.", many=True, flag_only=True
    )
    regions: tuple[str, ...] = setting(
        TEXT, None, "Regions with their shares of the streams: `eu=0.6,us=0.4`.", many=True, flag_only=True
    )
    check: Path | None = setting(
        PATH,
        None,
        "A report of another run: compare what was predicted for its nodes with it.",
        flag_only=True,
    )
    json: bool = setting(SWITCH, "off", "Print the plan as JSON.", flag_only=True)


SETTINGS = PlanSettings

_PLAIN_WIDTH = 150
"""Of the tables when they are piped."""


def run(settings: PlanSettings) -> int:
    """Print the plan; with --check 1 when a prediction is off by more than 15 %."""
    if settings.check is not None:
        return _check(settings)
    plan = plan_of(settings)
    if settings.json:
        print(json.dumps(as_plain(plan), indent=2))
    else:
        _print_plan(plan)
    return 0


def plan_of(settings: PlanSettings) -> Plan:
    """The plan that the settings describe. Raises BadSettings."""
    measured = Measured({}, None, "")
    if settings.measured is not None:
        measured = read_measured(read_json(settings.measured, "measured"), str(settings.measured))
    figures = figures_with({**measured.figures, **read_assumptions(settings.assume)})
    demand = demand_of(settings.streams, settings.bitrate, read_regions(settings.regions) or REGIONS)
    if measured.curve is None:
        return make_plan(demand, figures, DEFAULT, ASSUMED_CURVE)
    return make_plan(demand, figures, measured.curve, measured.curve_source)


def read_json(path: Path, setting_name: str) -> Any:
    """A JSON file. Raises BadSettings."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise BadSettings(setting_name, f"{path} cannot be read: {error.strerror}") from None
    except ValueError as error:
        raise BadSettings(setting_name, f"{path} is no JSON: {error}") from None


def read_regions(texts: tuple[str, ...]) -> dict[str, float]:
    """`name=share` texts. Raises BadSettings."""
    found: dict[str, float] = {}
    for text in texts:
        name, _, share = text.partition("=")
        try:
            found[name.strip()] = float(share)
        except ValueError:
            raise BadSettings("regions", f"{text!r} is not of the form NAME=SHARE") from None
        if not name.strip() or not 0 < found[name.strip()] <= 1e6:
            raise BadSettings("regions", f"{text!r} has no name, or a share that is not above 0")
    return found


def _print_plan(plan: Plan) -> None:
    from rich import box
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    console = Console(width=None if sys.stdout.isatty() else _PLAIN_WIDTH)
    for heading, heads, rows in tables(plan):
        table = Table(box=box.SIMPLE_HEAVY, title=escape(heading), title_justify="left")
        for number, head in enumerate(heads):
            table.add_column(
                escape(head), overflow="fold", justify="left" if number == 0 or head.startswith("Where") else "right"
            )
        for row in rows:
            table.add_row(*map(escape, row))
        console.print(table)


def _check(settings: PlanSettings) -> int:
    if settings.measured is None or settings.check is None:
        raise BadSettings("measured", "is needed with --check: the figures to predict from")
    documents = [read_json(path, name) for path, name in ((settings.measured, "measured"), (settings.check, "check"))]
    capacities = [each.get("capacity", {}) if isinstance(each, dict) else {} for each in documents]
    found = predictions(*capacities)
    if settings.json:
        print(json.dumps([{**each._asdict(), "error": each.error} for each in found], indent=2))
    else:
        for each in found:
            print(_sentence(each))
    return 1 if any(abs(each.error) > MAX_ERROR for each in found) else 0


def _sentence(prediction: Prediction) -> str:
    values = (f"{prediction.predicted:.4g} cores", f"{prediction.measured:.4g} cores")
    if prediction.unit != "cores":
        values = (scaled(prediction.predicted, prediction.unit), scaled(prediction.measured, prediction.unit))
    return f"{prediction.name}: predicted {values[0]}, measured {values[1]} ({percent(prediction.error)} off)"
