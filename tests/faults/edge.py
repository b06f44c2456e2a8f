"""`make faults`: the edge's faults at full length; prints the table of docs/reliability.md."""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

from tests.faults.edge_run import EdgeRun, Result, scratch


def main() -> int:
    """Play every fault; returns 0 if no byte was wrong and no answer lost where none may be."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--damaged", type=int, default=1000)
    parser.add_argument("--reloads", type=int, default=20)
    options = parser.parse_args()
    plays: list[tuple[int, Callable[[EdgeRun], Result | None]]] = [
        (options.damaged, lambda run: run.damaged_files()),
        (200, lambda run: run.kills(options.kills)),
        (200, lambda run: run.reloads(options.reloads)),
        (200, lambda run: run.full_disk(3000)),
        (200, lambda run: run.io_errors(1000)),
    ]
    results: list[Result] = []
    began, load = time.monotonic(), os.getloadavg()[0]
    for objects, play in plays:
        with scratch() as folder:
            result = play(EdgeRun(Path(folder), options.seed, objects))
        if result is None:
            print("NOT RUN: this machine cannot make the fault (no tmpfs to mount, or no C compiler)", file=sys.stderr)
            continue
        results.append(result)
        print(row(result), flush=True)
    print("\n".join([HEAD, *map(row, results)]))
    print(f"seed {options.seed}, {time.monotonic() - began:.0f} s, load {load:.1f} at the start")
    for result in results:
        print("\n".join(result.wrong[:20]), end="\n" if result.wrong else "")
    return 0 if all(result.is_right for result in results) else 1


HEAD = "| fault | times | answers | wrong | broken off | start (median, worst) | its CPU | |\n" + 8 * "|---" + "|"


def row(result: Result) -> str:
    """A row of the table."""
    starts = f"{statistics.median(result.starts):.1f}, {max(result.starts):.1f} s"
    cpu = f"{statistics.median(result.start_cpu):.1f}, {max(result.start_cpu):.1f} s"
    broken = f"{result.broken}{' (killed)' if result.may_break else ''}"
    cells = (
        result.fault,
        result.times,
        result.answers,
        len(result.wrong),
        broken,
        starts,
        cpu,
        "; ".join(result.notes),
    )
    return f"| {' | '.join(map(str, cells))} |"


if __name__ == "__main__":
    sys.exit(main())
