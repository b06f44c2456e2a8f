"""`matinee recommend experiment …`: define, start, stop and report experiments of a running service."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from kernel.errors import MatineeError
from kernel.settings.table import INTEGER, setting
from tools.recommend.client import ServiceApi, ServiceCommand, ServiceSettings, run_with_services, show_json

PATH = "/recommendations/experiments"
METRICS = ("clicks", "starts", "completions", "watchTime")
MAX_FILE_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulationSettings:
    """`matinee recommend experiment simulate`."""

    runs: int = setting(INTEGER, "200", "Experiments.", least=1, most=100_000)
    days: int = setting(INTEGER, "28", "Days of each, with a look at each day's end.", least=1, most=1_000)
    viewers: int = setting(INTEGER, "300", "New viewers a day.", least=10, most=1_000_000)
    seed: int = setting(INTEGER, "1", "Seed of the simulated viewers.", least=0)


def _list(settings: ServiceSettings) -> int:
    """List the experiments."""

    async def work(services: ServiceApi) -> int:
        found = await services.get(PATH)
        if settings.json:
            return show_json(found)
        table = Table("experiment", "state", "layer", "share", "arms", "title", header_style="bold")
        for one in found:
            definition = one["definition"]
            arms = ", ".join(arm["name"] for arm in definition["arms"])
            share = f"{definition.get('share', 1.0):.0%}"
            layer = definition.get("layer", "lists")
            table.add_row(one["experimentId"], one["state"], layer, share, arms, definition["title"])
        Console().print(table)
        return 0

    return run_with_services(settings, work)


def _define(settings: ServiceSettings, experiment: str, file: str) -> int:
    """Define an experiment, or change a draft."""
    body = _read_definition(Path(file))

    async def work(services: ServiceApi) -> int:
        found = await services.put(f"{PATH}/{experiment}", body)
        return show_json(found) if settings.json else _say(found)

    return run_with_services(settings, work)


def _read_definition(path: Path) -> Any:
    try:
        with path.open("rb") as file:
            body = file.read(MAX_FILE_BYTES + 1)
        if len(body) > MAX_FILE_BYTES:
            raise MatineeError(f"{path} is larger than {MAX_FILE_BYTES} bytes")
        return json.loads(body)
    except OSError as error:
        raise MatineeError(f"{path} cannot be read: {error.strerror}") from None
    except ValueError as error:
        raise MatineeError(f"{path} is not JSON: {error}") from None


def _start(settings: ServiceSettings, experiment: str) -> int:
    """Start a draft."""
    return _change(settings, experiment, "start")


def _stop(settings: ServiceSettings, experiment: str) -> int:
    """Stop a running experiment for good."""
    return _change(settings, experiment, "stop")


def _change(settings: ServiceSettings, experiment: str, verb: str) -> int:
    async def work(services: ServiceApi) -> int:
        found = await services.post(f"{PATH}/{experiment}/{verb}")
        return show_json(found) if settings.json else _say(found)

    return run_with_services(settings, work)


def _delete(settings: ServiceSettings, experiment: str) -> int:
    """Delete an experiment that does not run."""

    async def work(services: ServiceApi) -> int:
        await services.delete(f"{PATH}/{experiment}")
        print(f"{experiment} is deleted")
        return 0

    return run_with_services(settings, work)


def _say(found: Any) -> int:
    print(f"{found['experimentId']} is {found['state']}")
    return 0


def _report(settings: ServiceSettings, experiment: str) -> int:
    """Print what an experiment has come to."""

    async def work(services: ServiceApi) -> int:
        found = await services.get(f"{PATH}/{experiment}/report")
        if settings.json:
            return show_json(found)
        print_report(found)
        return 0

    return run_with_services(settings, work)


def print_report(found: Any, console: Console | None = None) -> None:
    """Print a report as a table: a row an arm, each metric with its difference and always-valid interval."""
    table = Table("arm", "viewers", "counted", *METRICS, header_style="bold")
    for arm in found["arms"]:
        cells = [_cell(arm["metrics"][metric]) for metric in METRICS]
        table.add_row(arm["arm"], str(arm["viewers"]), str(arm["viewersCounted"]), *cells)
    console = console or Console()
    console.print(table)
    ratio = found["sampleRatio"]
    console.print(f"sample ratio: {'as planned' if ratio['ok'] else 'WRONG'} (p {ratio['p']:.3g})")
    console.print(f"by {found['metric']}: {found['verdictText']}")


def _cell(metric: Any) -> str:
    mean = f"{metric['mean']:.4g}"
    if "interval" not in metric:
        return mean
    if metric["interval"] is None:
        return f"{mean} (too few)"
    low, high = metric["interval"]
    return f"{mean} ({metric['difference']:+.4g}, {low:+.4g} to {high:+.4g}){' *' * metric['certain']}"


def _simulate(settings: SimulationSettings) -> int:
    """Simulate A/A experiments, and print how many were called different."""
    from services.recommend.experiments.simulation import simulate_aa

    found = simulate_aa(settings.runs, settings.days, settings.viewers, settings.seed)
    print(
        f"{found.false_positives} of {found.runs} A/A experiments with daily looks were called different "
        f"({found.false_positives / found.runs:.1%}), {found.ratio_alarms} had a sample ratio called wrong"
    )
    return 0


LIST = ServiceCommand(ServiceSettings, _list)
DEFINE = ServiceCommand(ServiceSettings, _define)
START = ServiceCommand(ServiceSettings, _start)
STOP = ServiceCommand(ServiceSettings, _stop)
DELETE = ServiceCommand(ServiceSettings, _delete)
REPORT = ServiceCommand(ServiceSettings, _report)
SIMULATE = ServiceCommand(SimulationSettings, _simulate)
