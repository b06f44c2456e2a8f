"""`make fleet-sim`: a control and a thousand agents on this machine, what they take for what, targets met or missed.

The control is the program as it is run, with its database and mTLS; the agents are the edge's own code, without a
cache, some hundreds in a process (`tools.fleet_sim.agent`). Everything lives in a folder of its own and ends with it.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from kernel.errors import BadSettings
from kernel.settings.command_line import command
from kernel.settings.table import DURATION, INTEGER, PATH, SWITCH, TEXT, setting
from tools.bench import machine
from tools.fleet_sim.crowd import raise_file_limit
from tools.fleet_sim.stage import SimulatedFleet, SimulationFailed, set_up
from tools.fleet_sim.steps import QUICK, STEPS, Figure

MEMORY = Path("/dev/shm")  # noqa: S108 (folders of our own are made there)
"""The folder of the agents' states: in RAM, because a thousand real edges do not share one disk."""
MAX_SECONDS = 600.0
"""Timeout of the whole simulation in seconds."""


@dataclass(frozen=True, slots=True)
class SimulationSettings:
    """`make fleet-sim`."""

    agents: int = setting(INTEGER, "1000", "Edges and shields that are simulated.", least=2, most=5_000)
    processes: int = setting(INTEGER, "2", "Processes that they live in.", least=1, most=16)
    titles: int = setting(INTEGER, "1000", "Titles with a licence, which every agent holds.", least=5, most=5_000)
    rows: int = setting(INTEGER, "50", "Renditions in each report of an agent.", least=1, most=500)
    spread: float = setting(DURATION, "5s", "Over how long the agents start.", most=300)
    database: str | None = setting(TEXT, None, "An empty PostgreSQL database for control; else an SQLite file.")
    folder: Path | None = setting(PATH, None, "Where everything is kept for the time being; default: a temporary one.")
    quick: bool = setting(SWITCH, "off", "Run only the shortest steps, as a smoke test.")
    only: tuple[str, ...] = setting(TEXT, None, "Run only the steps of these names.", many=True)
    json: Path | None = setting(PATH, None, "Write every figure to this file.")


def run(settings: SimulationSettings) -> int:
    """Run and print the table. Returns 0 if all targets were met. Raises BadSettings, SimulationFailed."""
    if unknown := set(settings.only).difference(STEPS):
        raise BadSettings("only", f"there is no step {', '.join(sorted(unknown))}; the steps are {', '.join(STEPS)}")
    chosen = ["joins", *settings.only] if settings.only else QUICK if settings.quick else list(STEPS)
    console = Console(width=None if sys.stdout.isatty() else 140)
    raise_file_limit()
    with _folder(settings.folder) as folder, _folder(MEMORY) as disks, console.status("") as bar:
        steps = [name for name in STEPS if name in chosen]
        figures = asyncio.run(simulated(folder, disks, settings, steps, bar.update))
    console.print(table(f"{settings.agents} agents in {settings.processes} processes", figures))
    told = machine.facts()
    console.print("\n".join(f"{name}: {text}" for name, text in told.items()), style="dim", highlight=False)
    if settings.json is not None:
        rows = [asdict(figure) | {"missed": figure.is_missed} for figure in figures]
        settings.json.write_text(json.dumps({"machine": told, "figures": rows}, indent=1) + "\n")
    return 1 if any(figure.is_missed for figure in figures) else 0


@contextlib.contextmanager
def _folder(place: Path | None) -> Iterator[Path]:
    usual = place is MEMORY and not os.access(MEMORY, os.W_OK)
    with tempfile.TemporaryDirectory(prefix="matinee-fleet-", dir=None if usual else place) as made:
        yield Path(made)


async def simulated(
    folder: Path, disks: Path, settings: SimulationSettings, steps: Sequence[str], say: Callable[[str], object]
) -> list[Figure]:
    """Run the steps and return their figures. Raises SimulationFailed."""
    shields = max(1, settings.agents // 50)
    fleet = SimulatedFleet(
        settings.agents,
        settings.processes,
        shields,
        settings.titles,
        settings.rows,
        settings.spread,
        settings.database,
        disks,
    )
    figures: list[Figure] = []
    try:
        async with asyncio.timeout(MAX_SECONDS), set_up(folder, fleet, say) as stage:
            for name in steps:
                say(str(STEPS[name].__doc__))
                figures += await STEPS[name](stage)
    except ExceptionGroup as group:  # the task group's wrapping
        raise (group.exceptions[0] if len(group.exceptions) == 1 else group) from None
    except TimeoutError:
        raise SimulationFailed(f"the simulation did not finish within {MAX_SECONDS:g} s") from None
    return figures


def table(title: str, figures: Sequence[Figure]) -> Table:
    """The table of figures."""
    made = Table(title=title, title_justify="left")
    for name in ("what", "measured", "target", "", "note"):
        made.add_column(name, justify="right" if name in ("measured", "target") else "left", overflow="fold")
    for figure in figures:
        verdict = "" if figure.target is None else "[red]missed[/]" if figure.is_missed else "[green]met[/]"
        target = "" if figure.target is None else shown(figure.target, figure.unit)
        made.add_row(figure.name, shown(figure.value, figure.unit), target, verdict, figure.note)
    return made


def shown(value: float | None, unit: str) -> str:
    """Format a figure; `value` None if it was not measured."""
    if value is None:
        return "never"
    text = f"{value:.2f}".rstrip("0").rstrip(".") if value < 100 else f"{value:,.0f}"
    return f"{text} {unit}".rstrip()


def main() -> int:
    """Read the command line and run. SIGTERM ends it like Ctrl-C, without leftover processes or folders."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    return command(
        SimulationSettings,
        run,
        sys.argv[1:],
        prog="python -m tools.fleet_sim.__main__",
        summary="A control and a thousand simulated edges: what a change, a purge and a restart take.",
        env=os.environ,
        read_text=lambda name: Path(name).read_text(encoding="utf-8"),
        say=lambda text, is_error: print(text, file=sys.stderr if is_error else sys.stdout, flush=True),
    )


if __name__ == "__main__":
    sys.exit(main())
