"""CPU of the server for a hit by HTTP/2 over TLS: ours beside nginx, and beside our own HTTP/1.1. h2load asks.

Each measurement is so many requests of h2load over four connections, one stream at a time on each, with windows of 16
MiB (browsers give 6 to 15); every answer has to be a 2xx. The objects, the tokens and what is checked before are those
of `hits`.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

from tools.bench.hits import Field, Plan, field_of, paths, turned, warm
from tools.bench.peers import Peer
from tools.bench.processes import BenchFailed, cores, cpu_seconds, on_core
from tools.bench.report import KIB, MIB, Row, Sample

SIZES = (KIB, 64 * KIB, 256 * KIB, MIB)
OURS, OUR_HTTP1 = "matinee", "matinee h1"
"""The same server, asked by HTTP/2 and by HTTP/1.1."""
TO_HTTP1 = {KIB: 3.0, 64 * KIB: 1.6, 256 * KIB: 1.6, MIB: 1.2}
"""Our CPU by HTTP/2 over ours by HTTP/1.1, at most."""
CONNECTIONS = 4
REQUESTS = {KIB: 20_000, 64 * KIB: 8_000, 256 * KIB: 3_000, MIB: 800}
"""Requests of one measurement of 1.2 s."""
_DONE = re.compile(r"status codes: (\d+) 2xx, 0 3xx, 0 4xx, 0 5xx")
_TOOK = re.compile(r"finished in ([\d.]+)(us|ms|s),")
_UNITS = {"us": 1e-6, "ms": 1e-3, "s": 1.0}


def h2load_program() -> str | None:
    """The h2load of this system (Debian: nghttp2-client)."""
    return shutil.which("h2load")


def targets_of(size: int, names: Mapping[str, Peer]) -> dict[str, float]:
    """What is to be reached at this size: beside our HTTP/1.1 always, beside nginx from 64 KiB on."""
    found = {OUR_HTTP1: TO_HTTP1.get(size, 3.0)}
    if "nginx h2" in names and size >= 64 * KIB:
        found["nginx h2"] = 1.0
    return found


def run(plan: Plan, peers: Mapping[str, Peer], tell: Callable[[str], object]) -> list[Row]:
    """Measure every size with every server in turn, ours by both versions."""
    plan = replace(plan, tls=True)
    with field_of(plan, peers, tell) as (ready, folder):
        warm(ready, tell)
        return [_measure_size(ready, folder, size, targets_of(size, peers), tell) for size in plan.sizes]


def _measure_size(
    ready: Field, folder: Path, size: int, targets: Mapping[str, float], tell: Callable[[str], object]
) -> Row:
    row, names = Row(size, targets), [OURS, OUR_HTTP1, *(name for name in ready.servers if name != OURS)]
    for number in range(ready.plan.rounds):
        for name in turned(names, number):
            tell(f"{size} bytes, round {number + 1} of {ready.plan.rounds}: {name}")
            row.samples.setdefault(name, []).append(measure(ready, folder, name, size))
    return row


def measure(ready: Field, folder: Path, name: str, size: int) -> Sample:
    """One run of h2load. BenchFailed if an answer was no 2xx."""
    server = ready.servers[OURS if name == OUR_HTTP1 else name]
    listed = folder / "urls.txt"
    listed.write_text(
        "".join(f"https://127.0.0.1:{server.port}{server.target(path)}\n" for path in paths(size, ready.plan))
    )
    number = max(4 * CONNECTIONS, int(REQUESTS.get(size, 800) * ready.plan.seconds / 1.2))
    command = [h2load_program() or "h2load", "-n", str(number), "-c", str(CONNECTIONS), "-i", str(listed)]
    command += ["--h1"] if name == OUR_HTTP1 else ["-m", "1", "-w", "24", "-W", "24"]
    before = sum(map(cpu_seconds, server.pids))
    pair = cores()
    with on_core(pair[1] if pair else None):
        told = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120).stdout
    used = sum(map(cpu_seconds, server.pids)) - before
    done, took = _DONE.search(told), _TOOK.search(told)
    if done is None or took is None or int(done[1]) != number:
        raise BenchFailed(f"{name}: h2load did not get {number} answers: {told[-300:]}")
    seconds = float(took[1]) * _UNITS[took[2]]
    return Sample(used / number * 1e6, number / seconds, used / seconds)
