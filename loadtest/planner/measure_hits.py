"""Measure hit ratios by cache size: `python -m loadtest.planner.measure_hits REPORT.json`.

Draws a trace from the default population, replays it through the edge's own cache code (`matinee replay`) with disks of
several sizes, and writes the curve into the report under `hitCurve`, where `matinee plan --measured` finds it.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from loadtest.planner.trace import TraceRow, trace_rows
from loadtest.population.viewers import Population
from loadtest.runs.platform_folder import MATINEE

SHARES = (0.01, 0.03, 0.10, 0.30, 1.0)
RAM_SHARE = 0.02
"""RAM tier by disk tier: 128 GB over 61 TB are 0.2 %; a small trace needs a few segments in RAM."""
TITLES, SESSIONS, DAYS, SEED = 500, 30_000, 7, 1
PIECE_S = 40.0
"""Requests of the trace stand for ten segments each: the bytes are the same, and a replay takes a tenth of the time."""


def main(argv: Sequence[str]) -> int:
    """Measure, and add the curve to the report; 2 for wrong usage."""
    if len(argv) != 1:
        print("usage: python -m loadtest.planner.measure_hits REPORT.json", file=sys.stderr)
        return 2
    report = json.loads(Path(argv[0]).read_text(encoding="utf-8"))
    population = Population(days=DAYS)
    rows = trace_rows(population, TITLES, sessions=SESSIONS, seconds=DAYS * 86400.0, seed=SEED, piece_s=PIECE_S)
    report["hitCurve"] = measure(rows)
    Path(argv[0]).write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    return 0


def measure(rows: Sequence[TraceRow], shares: Sequence[float] = SHARES) -> dict[str, Any]:
    """The curve over the repeated requests of a trace, with a note of what it was measured on."""
    footprint = sum({row.obj_id: row.obj_size for row in rows}.values())
    requested = sum(row.obj_size for row in rows)
    # First requests miss whatever the cache; a small trace has far more of them than a large service.
    repeated = requested - footprint
    with tempfile.NamedTemporaryFile("w", suffix=".csv", encoding="ascii") as trace:
        trace.writelines(f"{row.time:.3f},{row.obj_id},{row.obj_size}\n" for row in rows)
        trace.flush()
        hits = [(share, _replay(trace.name, share * footprint)) for share in shares]
    points = [[share, min(1.0, round(hit * requested / repeated, 4))] for share, hit in hits]
    return {
        "points": points,
        "note": f"{len(rows):,} requests of a week, {TITLES} titles, {footprint / 1e9:.0f} GB (matinee replay)",
    }


def _replay(trace: str, disk: float) -> float:
    sizes = ("--disk", str(round(disk)), "--ram", str(max(64 << 20, round(disk * RAM_SHARE))))
    done = subprocess.run([*MATINEE, "replay", trace, *sizes], capture_output=True, check=True, text=True)
    return 1 - float(json.loads(done.stdout)["byte_miss"])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
