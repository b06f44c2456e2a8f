"""CPU time and memory of a process and its children, from /proc (proc(5))."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

_TICK = 1 / os.sysconf("SC_CLK_TCK")
MAX_PROCESSES = 200


class Usage(NamedTuple):
    """What some processes use together. `anon_bytes` leaves out files and shared memory."""

    cpu_s: float
    rss_bytes: float
    anon_bytes: float


def usage(pid: int, proc: Path = Path("/proc")) -> Usage | None:
    """The process and all its living descendants; None when it is gone."""
    found = [one for each in _family(pid, proc) if (one := _of_one(proc / str(each))) is not None]
    if not found:
        return None
    return Usage(*(sum(column) for column in zip(*found, strict=True)))


def _family(pid: int, proc: Path) -> Iterator[int]:
    waiting, seen = [pid], 0
    while waiting and seen < MAX_PROCESSES:
        one = waiting.pop()
        seen += 1
        yield one
        try:
            for task in (proc / str(one) / "task").iterdir():
                waiting += [int(child) for child in (task / "children").read_text().split()]
        except OSError:
            continue  # it ended while we looked, or this kernel does not list children


def _of_one(folder: Path) -> Usage | None:
    try:
        fields = (folder / "stat").read_text().rpartition(")")[2].split()
        status = (folder / "status").read_text()
    except OSError:
        return None
    sizes = {line.partition(":")[0]: line.split()[1] for line in status.splitlines() if line.endswith(" kB")}
    # utime, stime, and those of children that were waited for: fields 14 to 17 of proc_pid_stat(5).
    cpu = sum(int(ticks) for ticks in fields[11:15]) * _TICK
    return Usage(cpu, int(sizes.get("VmRSS", 0)) * 1024.0, int(sizes.get("RssAnon", 0)) * 1024.0)
