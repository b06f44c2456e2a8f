"""`make measure`: everything that a machine can say for a plan, from one running `make up` of its own.

Plays *evening peak*, then asks the services, measures a shield and TLS, and replays a trace; writes
docs/examples/measured.json, from which docs/scale.md is made.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from loadtest.planner.scale_page import MEASURED

STORY = "evening-peak"
KEPT = (
    "players", "startupMs", "rebufferRatio", "bitrateMean", "switchesMean", "errors", "requests", "bytes",
    "generatorCpuShare", "pacingErrorP95", "hitRatio", "run", "capacity", "warnings",
)  # fmt: skip
"""Parts of a run's report that a plan, or its reader, needs."""


def steps(report: Path, target: str, platform: str, players: int, seconds: float) -> Iterator[list[str]]:
    """The arguments of `python -m` for each step; the first one is the run, and may miss its expectations."""
    where = (f"--target={target}", f"--platform={platform}")
    yield [
        "loadtest", STORY, *where, f"--players={players}", f"--seconds={seconds:g}", f"--json={report}", "--quiet=on",
    ]  # fmt: skip
    yield ["loadtest.planner.measure_services", str(report), *where]
    yield ["loadtest.planner.measure_node", str(report)]
    yield ["loadtest.planner.measure_hits", str(report)]


def trimmed(report: Mapping[str, Any]) -> dict[str, Any]:
    """A run's report without what only its page shows."""
    run = {name: value for name, value in report["run"].items() if name not in ("target", "settings", "actions")}
    return {name: report[name] for name in KEPT if name in report} | {"run": run}


def main(argv: Sequence[str]) -> int:
    """0 when everything was measured."""
    parser = argparse.ArgumentParser(prog="python -m loadtest.planner.measure")
    parser.add_argument("--target", default="http://127.0.0.1:8080")
    parser.add_argument("--platform", default=".matinee")
    parser.add_argument("--players", type=int, default=300)
    parser.add_argument("--seconds", type=float, default=180.0)
    parser.add_argument("--out", type=Path, default=MEASURED)
    given = parser.parse_args(argv)
    # Apart from the figures of an earlier run, which stay until all new ones are there.
    report = given.out.with_name(f".{given.out.name}.part")
    report.unlink(missing_ok=True)
    listed = steps(report, given.target, given.platform, given.players, given.seconds)
    for number, step in enumerate(listed):
        print(f"== python -m {' '.join(step)}", flush=True)
        code = subprocess.run([sys.executable, "-P", "-m", *step], check=False).returncode
        # A run that misses its expectations ends with 1 and has a report; a step that a signal killed has a code < 0.
        if code not in ((0, 1) if number == 0 else (0,)):
            return code
        if number == 0:
            try:
                found = json.loads(report.read_text(encoding="utf-8"))
            except FileNotFoundError:
                return 1
            report.write_text(json.dumps(trimmed(found), indent=1) + "\n", encoding="utf-8")
    report.replace(given.out)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
