"""`make faults-ingest`: ten films, 200 kills; prints what was killed and how each film ended."""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import tempfile
import time
from pathlib import Path

from origin.ingest.subprocesses import find_programs
from tests.faults.ingest_run import Run


def main() -> int:
    """Run it; returns 0 if nothing was lost."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--films", type=int, default=10)
    options = parser.parse_args()
    started, load = time.monotonic(), os.getloadavg()[0]
    with tempfile.TemporaryDirectory(prefix="matinee-faults-") as folder:
        run = Run(Path(folder), find_programs(), options.films, options.kills, options.seed)
        try:
            asyncio.run(run.play())
        finally:
            print("\n".join(run.log))
            print(f"seed {options.seed}, {time.monotonic() - started:.0f} s, load {load:.1f} at the start")
            print(format_table(run))
        if run.faults:
            print(run.tail(200_000), file=sys.stderr)
            print("\n".join(run.faults))
            return 1
    print("every film is published once, whole and verified, or has failed with a reason")
    return 0


def format_table(run: Run) -> str:
    """What was killed, and how the films ended, as a Markdown table."""
    rows = [("killed with kill -9", "times")]
    rows += [(kind, str(count)) for kind, count in run.killed.items()]
    rows += [("**all**", f"**{sum(run.killed.values())}**")]
    rows += [(f"no {kind} to kill", str(count)) for kind, count in run.missed.items() if count]
    rows += [(f"films {status}", str(count)) for status, count in run.ends.items()]
    lines = [f"| {left} | {right} |" for left, right in rows]
    return "\n".join([lines[0], "|---|---|", *lines[1:]])


if __name__ == "__main__":
    sys.exit(main())
