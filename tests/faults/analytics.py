"""`make faults-analytics`: kills services 50 times while they take in events, and counts the lake."""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import tempfile
import time
from pathlib import Path

from tests.faults.analytics_run import AnalyticsRun


def main() -> int:
    """Run it; returns 0 if each acknowledged event is in the lake once."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--kills", type=int, default=50)
    options = parser.parse_args()
    started, load = time.monotonic(), os.getloadavg()[0]
    with tempfile.TemporaryDirectory(prefix="matinee-faults-") as folder:
        run = AnalyticsRun(Path(folder) / "data", options.kills, options.seed)
        try:
            asyncio.run(run.play())
        finally:
            print("\n".join(run.log))
            print(f"seed {options.seed}, {time.monotonic() - started:.0f} s, load {load:.1f} at the start")
    print("\n".join(run.faults) or "each acknowledged event is in the lake once")
    return 1 if run.faults else 0


if __name__ == "__main__":
    sys.exit(main())
