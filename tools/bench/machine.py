"""What the figures were measured on."""

from __future__ import annotations

import os
import platform
import subprocess
from importlib import metadata
from pathlib import Path

from tools.bench.peers import ROOT, nginx_version
from tools.bench.processes import cores


def facts() -> dict[str, str]:
    """Processor, kernel, versions, load and placement: one text each, for the table's foot and the JSON file."""
    pair = cores()
    load = os.getloadavg()
    return {
        "processor": f"{_processor()}, {os.cpu_count()} cores",
        "kernel": f"{platform.system()} {platform.release()}",
        "matinee": _revision(),
        "python": f"{platform.python_version()}, uvloop {metadata.version('uvloop')}",
        "nginx": nginx_version() or "not found",
        "placement": f"servers on core {pair[0]}, viewers on core {pair[1]}" if pair else "one core for everything",
        "load": f"{load[0]:.2f} before the run",
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.machine()
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, platform.machine())


def _revision() -> str:
    asked = subprocess.run(
        ["git", "-C", str(ROOT), "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False
    )
    return asked.stdout.strip() or "no git revision"
