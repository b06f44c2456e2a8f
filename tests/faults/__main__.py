"""`make faults-ingest`: ten films, 200 kills; prints what was killed and how each film ended."""

from __future__ import annotations

import argparse
import asyncio
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
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="matinee-faults-") as folder:
        run = Run(Path(folder), find_programs(), options.films, options.kills, options.seed)
        try:
            asyncio.run(run.play())
        except BaseException:
            print((Path(folder) / "programs.log").read_text(errors="replace")[-20_000:], file=sys.stderr)
            raise
    print(
        f"seed {options.seed}: {run.killed} in {time.monotonic() - started:.0f} s; every film is whole or has a reason"
    )
    print("\n".join(run.log))
    return 0


if __name__ == "__main__":
    sys.exit(main())
