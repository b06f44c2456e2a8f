"""The programs of a running `matinee up`, in a file of its state folder: for load tests, drills and scripts.

    {"page": "http://127.0.0.1:8080", "programs": [{"name": "edge1", "role": "edge", "pid": 4711,
     "url": "http://127.0.0.1:8081", "admin": "http://127.0.0.1:9081", "region": "local"}, …]}

`pid` is null while the program does not run; `admin` is where /stats and /metrics are. The file is replaced whenever a
process starts or ends. Edges alone have a `region`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from system.durable_files import replace_file
from system.private_files import private_folder
from tools.up.plan import Plan, PlannedProgram, all_programs
from tools.up.state import OUTAGES, PROGRAMS


class ProgramsFile:
    """Writes the file, and reads what `matinee outage` asks for."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._programs = {program.name: program for program in all_programs(plan)}

    def write(self, pids: Mapping[str, int]) -> None:
        """Replace the file: these programs run now."""
        rows = [_row(program, pids.get(program.name)) for program in self._programs.values()]
        document = {"page": self._plan.addresses.page, "programs": rows}
        replace_file(self._plan.state / PROGRAMS, json.dumps(document, indent=2).encode() + b"\n")

    def is_held_down(self, name: str) -> bool:
        """Whether an outage of the program was asked for and has not been ended."""
        return (self._plan.state / OUTAGES / name).exists()

    def clear_outages(self) -> None:
        """End every outage: a new start runs everything."""
        folder = self._plan.state / OUTAGES
        private_folder(folder)
        for entry in folder.iterdir():
            entry.unlink()


def _row(program: PlannedProgram, pid: int | None) -> dict[str, Any]:
    (host, port), *others = program.listens
    scheme = "" if program.name == "control" else "http://"  # control's first port is gRPC
    admin = f"http://{others[0][0]}:{others[0][1]}" if others else f"http://{host}:{port}"
    role = program.arguments[0]
    row = {"name": program.name, "role": role, "pid": pid, "url": f"{scheme}{host}:{port}", "admin": admin}
    return row | ({"region": program.region} if program.region else {})


def read_programs(state: Path) -> dict[str, dict[str, Any]]:
    """The rows of the file by the programs' names. Raises OSError or ValueError when it cannot be read."""
    document = json.loads((state / PROGRAMS).read_text(encoding="utf-8"))
    return {row["name"]: row for row in document["programs"]}
