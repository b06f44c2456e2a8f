"""Hits from the disk tier: a working set ten times the RAM tier, warm in the page cache, then cold.

Warm: CPU of the server for a hit, as in `hits`, beside nginx with the same set in its cache. Cold: while viewers ask
for the same objects the files' pages are dropped again and again, so that reads wait for the disk; meanwhile one more
viewer asks for a small object that is in RAM. How late its answers are is how late the loop is.
"""

from __future__ import annotations

import contextlib
import os
import statistics
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from tools.bench.hits import Field, Plan, check_log, connected, field_of, get, measure_size, warm
from tools.bench.peers import TITLE, Peer, matinee
from tools.bench.report import KIB, MIB, Row

RAM = 16 * MIB
TARGET = 1.3
MAX_LATE = 0.005
"""Seconds that the loop may be late, in 99 of 100 looks."""
PROBE = f"/cdn/eu/{TITLE}/{KIB}/0.m4s"
PROBE_PAUSE = 0.002
DROP_PAUSE = 0.02


def plan_of(sizes: tuple[int, ...], rounds: int, seconds: float) -> Plan:
    """Ten times RAM of each size."""
    return Plan(sizes, rounds, seconds, together=10 * RAM, most=10 * RAM // min(sizes))


ours = matinee("--ram", f"{RAM // MIB}MiB", "--disk", "4GiB", "--admission", "always")
"""Our edge with little RAM; every fill is written to disk."""


@dataclass(frozen=True, slots=True)
class Lateness:
    """How long a hit in RAM took while other viewers waited for the disk, in seconds; `dropped`: how often the pages
    were dropped, `requests` what the others were answered meanwhile."""

    median: float
    late: float
    worst: float
    looks: int
    dropped: int
    requests: int

    @property
    def met(self) -> bool:
        """Whether 99 of 100 looks were in time."""
        return self.late <= MAX_LATE


def run(plan: Plan, peers: Mapping[str, Peer], tell: Callable[[str], object]) -> tuple[list[Row], dict[str, Lateness]]:
    """Measure each size warm with every peer in turn, then the last size cold."""
    with field_of(plan, peers, tell) as (ready, folder):
        warm(ready, tell)
        rows = [measure_size(ready, size, _targets(size, peers), tell) for size in plan.sizes]
        for name, server in ready.servers.items():
            check_log(server, ready.asked[name])
        cold = {}
        for name in ready.servers:
            tell(f"cold reads: {name}")
            cold[name] = _cold(ready, name, plan.sizes[-1], folder, max(plan.seconds * 2, 1.0))
    return rows, cold


def _targets(size: int, peers: Mapping[str, Peer]) -> dict[str, float]:
    del size
    return {name: TARGET for name in peers if name.startswith("nginx")}


def _cold(ready: Field, name: str, size: int, folder: Path, seconds: float) -> Lateness:
    server, done = ready.servers[name], threading.Event()
    before = ready.asked[name]
    failed: list[BaseException] = []

    def others() -> None:
        try:
            ready.measure(name, size, seconds)
        except BaseException as error:  # noqa: BLE001 (told by the thread that waits)
            failed.append(error)
        finally:
            done.set()

    with contextlib.closing(connected(server, tls=False)) as probe, _dropping(folder, done) as dropped:
        for _ in range(3):
            get(probe, server.target(PROBE))
        crowd = threading.Thread(target=others, daemon=True)
        crowd.start()
        took = []
        while not done.wait(PROBE_PAUSE):
            began = time.perf_counter()
            get(probe, server.target(PROBE))
            took.append(time.perf_counter() - began)
        crowd.join()
    if failed:
        raise failed[0]
    took.sort()
    late = took[min(len(took) - 1, len(took) * 99 // 100)]
    return Lateness(statistics.median(took), late, took[-1], len(took), len(dropped), ready.asked[name] - before)


@contextlib.contextmanager
def _dropping(folder: Path, done: threading.Event) -> Iterator[list[int]]:
    """Drop the pages of all cached files again and again until `done`; how many files each time."""
    dropped: list[int] = []

    def drop() -> None:
        while not done.wait(DROP_PAUSE):
            dropped.append(drop_pages(folder))

    os.sync()  # only what is on disk can be dropped
    thread = threading.Thread(target=drop, daemon=True)
    thread.start()
    try:
        yield dropped
    finally:
        done.set()
        thread.join()


def drop_pages(folder: Path) -> int:
    """Have the kernel forget the pages of all files of the servers' caches; how many files."""
    count = 0
    for path in folder.glob("*/cache/**/*"):
        with contextlib.suppress(OSError):
            if path.is_file():
                fd = os.open(path, os.O_RDONLY)
                try:
                    os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
                finally:
                    os.close(fd)
                count += 1
    return count
