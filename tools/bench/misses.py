"""Misses: every URL is asked for once, streamed through from the origin and stored.

CPU: 16 viewers ask for objects nobody has asked for; counted is all that the server uses until it is at rest again,
for ours writes to disk after the viewer has his answer. First byte: one viewer, one miss after the other, the two
servers in turn, and the origin has each object ready before.
"""

from __future__ import annotations

import contextlib
import socket
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from tools.bench.hits import VIEWERS, Field, Plan, field_of, origin_count, settle, turned
from tools.bench.load import STALLED, Job
from tools.bench.peers import TITLE, Peer, Server, matinee
from tools.bench.processes import BenchFailed, cpu_seconds
from tools.bench.report import KIB, MIB, Row, Sample

SIZES = (256 * KIB, MIB)
TARGET = 1.5
MAX_LATER = 0.001
"""Seconds by which our first byte may be later than the peer's."""

ours = matinee("--ram", "512MiB", "--disk", "4GiB", "--admission", "always")
"""Our edge, writing every fill to disk as nginx does."""


@dataclass(frozen=True, slots=True)
class FirstByte:
    """Seconds from a request to the first byte of its answer, over misses one after the other."""

    median: float
    late: float
    """99 of 100 are not later."""
    looks: int


def run(
    sizes: Sequence[int],
    each: int,
    rounds: int,
    looks: int,
    peers: Mapping[str, Peer],
    tell: Callable[[str], object],
) -> tuple[list[Row], dict[str, FirstByte]]:
    """`each`: objects asked for by each viewer, size and round; `looks`: misses in a row whose first byte is timed, at
    the last of the sizes."""
    plan = Plan(tuple(sizes), rounds, 1.0)
    rows = []
    with field_of(plan, peers, tell) as (ready, _):
        names = list(ready.servers)
        for size in sizes:
            row = Row(size, {name: TARGET for name in peers if name.startswith("nginx")})
            rows.append(row)
            for number in range(-1, rounds):  # the first only warms up
                for name in turned(names, number):
                    tell(f"misses of {size} bytes, round {number + 1} of {rounds}: {name}")
                    sample = _measure(ready, name, size, number, each if number >= 0 else 2)
                    if number >= 0:
                        row.samples.setdefault(name, []).append(sample)
        first: dict[str, list[float]] = {name: [] for name in names}
        for number in range(looks):
            tell(f"first byte, {number + 1} of {looks}")
            for name in turned(names, number):
                path = f"/cdn/eu/{TITLE}/{sizes[-1]}/first-{names.index(name)}-{number}.m4s"
                first_byte(ready.origin_port, path)
                first[name].append(first_byte(ready.servers[name].port, ready.servers[name].target(path)))
    return rows, {name: _told(took) for name, took in first.items()}


def _told(took: Sequence[float]) -> FirstByte:
    ordered = sorted(took)
    return FirstByte(statistics.median(ordered), ordered[min(len(took) - 1, len(took) * 99 // 100)], len(took))


def _measure(ready: Field, name: str, size: int, number: int, each: int) -> Sample:
    server = ready.servers[name]
    targets = [
        [server.target(f"/cdn/eu/{TITLE}/{size}/{number}-{viewer}-{one}.m4s", viewer) for one in range(each)]
        for viewer in range(VIEWERS)
    ]
    fills, before = origin_count(ready.origin_port), _cpu(server)
    result = ready.viewers.measure(Job(server.port, targets, size, 0.0, 1.0, list(server.pids), once=True))
    settle(server)
    cpu = _cpu(server) - before
    if (asked := origin_count(ready.origin_port) - fills) != result.requests:
        raise BenchFailed(f"{name}: {result.requests} misses asked the origin {asked} times")
    return Sample(cpu / result.requests * 1e6, result.requests / result.seconds, cpu / result.seconds)


def _cpu(server: Server) -> float:
    return sum(map(cpu_seconds, server.pids))


def first_byte(port: int, target: str) -> float:
    """Seconds until the first byte of the answer; it is read to its end. BenchFailed when it is no 200."""
    with contextlib.closing(socket.create_connection(("127.0.0.1", port), STALLED)) as viewer:
        viewer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        request = f"GET {target} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n".encode()
        began = time.perf_counter()
        viewer.sendall(request)
        start = viewer.recv(1 << 16)
        took = time.perf_counter() - began
        while viewer.recv(1 << 20):
            pass
    if not start.startswith(b"HTTP/1.1 200 "):
        raise BenchFailed(f"port {port} answered {start[:200]!r}")
    return took
