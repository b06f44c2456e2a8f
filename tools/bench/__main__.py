"""`python -m tools.bench`: run the benchmarks of the table below, print their tables, write JSON on demand."""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console

from kernel.command_line import command
from kernel.errors import BadSettings
from kernel.settings import INTEGER, NUMBER, PATH, SIZE, SWITCH, TEXT, setting
from tools.bench import hits, machine, report
from tools.bench.peers import Peer, nginx, nginx_program, ours
from tools.bench.processes import alone

OURS = "matinee"
NGINX = {
    "nginx A": ("sendfile on, tcp_nopush on; the targets are set against this one", nginx("nginx A", True, True)),
    "nginx B": ("sendfile off", nginx("nginx B", False, False)),
    "nginx C": ("sendfile on, tcp_nopush off", nginx("nginx C", True, False)),
}
"""nginx in its three sensible settings: what it is called, what it stands for, how it is started."""
TARGET_PEER = "nginx A"


@dataclass(frozen=True)
class BenchSettings:
    """The settings of `python -m tools.bench`."""

    quick: bool = setting(SWITCH, "off", "One short round, about 20 seconds: to see that it works.")
    sizes: tuple[int, ...] = setting(
        SIZE, None, "Body sizes (default: 1KiB,64KiB,256KiB,1MiB,4MiB).", many=True, least=1
    )
    rounds: int | None = setting(INTEGER, None, "Rounds of all servers in turn (default: 5).", least=1, most=100)
    seconds: float | None = setting(NUMBER, None, "Seconds of one measurement (default: 1.2).", least=0.05, most=60)
    only: tuple[str, ...] = setting(TEXT, None, "Run only the benchmarks of these names.", many=True)
    json: Path | None = setting(PATH, None, "Write every figure to this file.")


@dataclass(frozen=True, slots=True)
class Benchmark:
    """A row of the table of benchmarks: `run(settings, console)` prints its table and returns what JSON gets."""

    name: str
    summary: str
    run: Callable[[BenchSettings, Console], Any]


def run_hits(settings: BenchSettings, console: Console) -> Any:
    """CPU for a hit: ours beside nginx in two settings."""
    rounds, seconds = (1, 0.25) if settings.quick else (5, 1.2)
    plan = hits.Plan(settings.sizes or hits.SIZES, settings.rounds or rounds, settings.seconds or seconds)
    peers: dict[str, Peer] = {OURS: ours}
    if nginx_program():
        peers |= {name: peer for name, (_, peer) in NGINX.items()}
    else:
        console.print("[bold red]nginx was not found: there is no peer to compare with (apt install nginx)[/]")
    with console.status("") as status:
        rows = hits.run(plan, peers, status.update)
    names = [name for name in peers if name != OURS]
    rounds_said = "1 round" if plan.rounds == 1 else f"{plan.rounds} rounds"
    title = f"A hit with token, country and log on: server CPU, median and least-most of {rounds_said}"
    console.print(report.table(title, rows, OURS, names, TARGET_PEER))
    console.print("\n".join(f"{name}: {NGINX[name][0]}" for name in names), style="dim", highlight=False)
    console.print("requests/s, beside the point: " + report.rates(rows, peers), style="dim", highlight=False)
    return report.as_json(rows, OURS, names, TARGET_PEER)


BENCHMARKS = (Benchmark("hits", "CPU of the server for a cache hit, beside nginx.", run_hits),)


def run(settings: BenchSettings) -> int:
    """Run the benchmarks asked for; 0, or MatineeError when one could not be measured."""
    known = {benchmark.name for benchmark in BENCHMARKS}
    if unknown := set(settings.only) - known:
        raise BadSettings("only", f"no benchmark is named {', '.join(sorted(unknown))}; there is {', '.join(known)}")
    console = Console(width=None if sys.stdout.isatty() else 120)
    told = machine.facts()
    chosen = [benchmark for benchmark in BENCHMARKS if not settings.only or benchmark.name in settings.only]
    with alone(Path(tempfile.gettempdir()) / f"matinee-bench-{os.getuid()}.lock") as only:
        if not only:
            console.print("[bold red]another benchmark is running: the figures of both are worth little[/]")
        results = {benchmark.name: benchmark.run(settings, console) for benchmark in chosen}
    console.print("\n".join(f"{name}: {text}" for name, text in told.items()), style="dim", highlight=False)
    if settings.json:
        settings.json.write_text(json.dumps({"machine": told, "benchmarks": results}, indent=1) + "\n")
    return 0


def main() -> int:
    """Read the command line and run."""
    return command(
        BenchSettings,
        run,
        sys.argv[1:],
        prog="python -m tools.bench",
        summary="Side-by-side benchmarks: ours and the peer's in turn, ratios printed. "
        + " ".join(f"{benchmark.name}: {benchmark.summary}" for benchmark in BENCHMARKS),
        env=os.environ,
        read_text=lambda name: Path(name).read_text(encoding="utf-8"),
        say=lambda text, is_error: print(text, file=sys.stderr if is_error else sys.stdout, flush=True),
    )


if __name__ == "__main__":
    sys.exit(main())
