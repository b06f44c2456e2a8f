"""`matinee outage PROGRAM`: kill a program of a running `matinee up` and keep it down, for drills and load tests.

PROGRAM may be a region: all its edges die at once.
"""

from __future__ import annotations

import contextlib
import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.request import urlopen

from kernel.errors import BadSettings, MatineeError
from kernel.settings.table import DURATION, PATH, SWITCH, setting
from tools.up.programs import read_programs
from tools.up.state import OUTAGES

_POLL_SECONDS = 0.05


@dataclass(frozen=True, slots=True)
class OutageSettings:
    """`matinee outage PROGRAM`."""

    state: Path = setting(PATH, ".matinee", "Folder of the state of the running `matinee up`.")
    end: bool = setting(SWITCH, "off", "End the outage: start the program again and wait until it runs.")
    within: float = setting(DURATION, "20s", "How long the program may take to stop or start.", least=0.1, most=600)


SETTINGS = OutageSettings


def run(settings: OutageSettings, program: str) -> int:
    """Returns 0 once the program is down, or with --end once it runs again."""
    names = _named(_rows(settings.state), program)
    holds = [settings.state / OUTAGES / name for name in names]
    if settings.end:
        for hold in holds:
            hold.unlink(missing_ok=True)
        for name in names:
            pid = _await(settings, name, _answers, "does not answer")["pid"]
            print(f"{name} is running again (process {pid})")
        return 0
    for hold in holds:
        hold.touch(mode=0o600)
    rows = _rows(settings.state)
    pids = {name: rows[name]["pid"] for name in names}
    for pid in pids.values():
        if pid and _is_supervised(pid):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(pid, signal.SIGKILL)  # each program leads a process group of its own
    for name, pid in pids.items():
        _await(settings, name, lambda row, pid=pid: not row["pid"] or row["pid"] != pid, "still runs")
    down = f"{', '.join(names)} {'is' if len(names) == 1 else 'are'} down"
    print(f"{down}; end the outage with `matinee outage {program} --end`")
    return 0


def _rows(state: Path) -> dict[str, dict[str, Any]]:
    try:
        return read_programs(state)
    except (OSError, ValueError, KeyError):
        raise BadSettings("state", f"no `matinee up` is running on {state}") from None


def _named(rows: dict[str, dict[str, Any]], program: str) -> list[str]:
    """The program, or the edges of the region."""
    found = [name for name, row in rows.items() if program in (name, row.get("region"))]
    if not found:
        regions = sorted({row["region"] for row in rows.values() if row.get("region")})
        there = f"the programs are {', '.join(rows)}, the regions {', '.join(regions)}"
        raise MatineeError(f"there is no program or region {program!r}; {there}")
    return found


def _row(state: Path, program: str) -> dict[str, Any]:
    row = _rows(state).get(program)
    if row is None:  # another `matinee up` with fewer regions has taken over the folder
        raise MatineeError(f"{program} is no longer a program of the `matinee up` on {state}")
    return row


def _await(settings: OutageSettings, program: str, is_done: Any, trouble: str) -> dict[str, Any]:
    until = time.monotonic() + settings.within
    while not is_done(row := _row(settings.state, program)):
        if time.monotonic() > until:
            raise MatineeError(f"{program} {trouble} after {settings.within:g} s; is `matinee up` still running?")
        time.sleep(_POLL_SECONDS)
    return row


def _answers(row: dict[str, Any]) -> bool:
    try:
        with urlopen(f"{row['admin']}/healthz", timeout=2.0) as response:  # noqa: S310 (http, from our own file)
            return bool(row["pid"]) and response.status == 200
    except (OSError, ValueError):
        return False


def _is_supervised(pid: int) -> bool:
    """Whether the process is one of ours: after a crash of `matinee up` the number may be somebody else's."""
    try:
        return b"tools.up.supervise_child" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False
