"""CPU of the server for a cache hit, with token, country and log on: ours and nginx in turn.

Before anything is measured, each server is asked for every object until it is a hit, all bytes are compared, and what
must be refused is. While it is measured, every answer has to be a 200 of the right length, and the origin must not be
asked. Afterwards the server's log must hold a line for every request.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tools.bench.load import STALLED, Job, tls_context
from tools.bench.origin import body
from tools.bench.peers import FOREIGN_TITLE, ROOT, TITLE, Ground, Peer, Server
from tools.bench.processes import BenchFailed, cores, cpu_seconds, free_port, started
from tools.bench.report import KIB, MIB, Row, Sample
from tools.bench.viewers import Viewers

SIZES = (KIB, 64 * KIB, 256 * KIB, MIB, 4 * MIB)
TARGETS = {KIB: 0.8, 64 * KIB: 0.5, 256 * KIB: 0.6, MIB: 0.7, 4 * MIB: 1.0}
"""Our CPU over that of nginx A (sendfile and tcp_nopush on), at most."""
TLS_TARGETS = {KIB: 0.75, 64 * KIB: 0.6, 256 * KIB: 0.6, MIB: 0.6}
"""The same over TLS."""
VIEWERS = 16
OBJECT_BYTES = 16 * MIB
WARM_UP = 0.15
QUIET_WITHIN = 10.0
LOGGED_WITHIN = 5.0


@dataclass(frozen=True, slots=True)
class Plan:
    """How much is measured: body sizes, rounds of all servers in turn, seconds of each measurement."""

    sizes: tuple[int, ...]
    rounds: int
    seconds: float
    together: int = OBJECT_BYTES
    """Bytes of all objects of one size, where that makes 16 of them at least."""
    most: int = 64
    """Objects of one size, at most."""
    tls: bool = False


def paths(size: int, plan: Plan = Plan((), 1, 1.0)) -> list[str]:
    """The objects of one size: 16 to 64 of them, 16 MiB where that fits and the plan says nothing else."""
    count = min(plan.most, max(16, plan.together // size))
    return [f"/cdn/eu/{TITLE}/{size}/{number}.m4s" for number in range(count)]


def targets_of(size: int, names: Iterable[str], *, tls: bool = False) -> dict[str, float]:
    """What is to be reached at this size beside each of these peers."""
    if tls:
        return {name: TLS_TARGETS.get(size, 1.0) for name in names if name.startswith("nginx")}
    limits = {"nginx A": TARGETS.get(size, 1.0), "nginx B": 1.0, "nginx C": 1.0}
    if size <= MIB:
        limits["varnish"] = 1.0
    return {name: limits[name] for name in names if name in limits}


@dataclass(slots=True)
class Field:
    """All that runs while hits are measured."""

    origin_port: int
    servers: Mapping[str, Server]
    viewers: Viewers
    plan: Plan
    asked: dict[str, int] = field(default_factory=dict)
    """Requests that each server was sent and answered with 200, by its name."""

    def measure(self, name: str, size: int, seconds: float) -> Sample:
        """One measurement of one server. BenchFailed when the origin was asked meanwhile."""
        server = self.servers[name]
        listed = paths(size, self.plan)
        targets = [
            turned([server.target(path, viewer) for path in listed], viewer * len(listed) // VIEWERS)
            for viewer in range(VIEWERS)
        ]
        fills = origin_count(self.origin_port)
        job = Job(server.port, targets, size, WARM_UP, seconds, list(server.pids), tls=self.plan.tls)
        result = self.viewers.measure(job)
        if (misses := origin_count(self.origin_port) - fills) > 0:
            raise BenchFailed(f"{name}: {misses} of the requests were no hits")
        if not result.requests:
            raise BenchFailed(f"{name}: not one answer in {seconds:g} s")
        self.asked[name] = self.asked.get(name, 0) + result.total
        return Sample(result.cpu / result.requests * 1e6, result.requests / result.seconds, result.cpu / result.seconds)


def turned(items: Sequence[str], by: int) -> list[str]:
    """The items beginning at another one, so that viewers are not all at the same object."""
    by %= len(items)
    return [*items[by:], *items[:by]]


@contextlib.contextmanager
def field_of(plan: Plan, peers: Mapping[str, Peer], tell: Callable[[str], object]) -> Iterator[tuple[Field, Path]]:
    """Origin, servers and viewers for the length of a block, and the folder of their files; nothing is warm."""
    pair = cores() or (None, None)
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="matinee-bench-")))
        port = free_port()
        origin = [sys.executable, "-P", "-m", "tools.bench.origin", str(port)]
        stack.enter_context(started(origin, port=port, log=folder / "origin.log", core=pair[1], folder=ROOT))
        ground = Ground(folder, port, pair[0])
        servers = {}
        for name, peer in peers.items():
            tell(f"starting {name}")
            servers[name] = stack.enter_context(peer(ground))
        yield Field(port, servers, stack.enter_context(Viewers(pair[1])), plan), folder


def warm(ready: Field, tell: Callable[[str], object]) -> None:
    """Make every object a hit in every server, and see that each does its work."""
    for name, server in ready.servers.items():
        tell(f"warming and checking {name}")
        ready.asked[name] = prepare(server, ready.plan)


def run(plan: Plan, peers: Mapping[str, Peer], tell: Callable[[str], object]) -> list[Row]:
    """Measure every size with every peer in turn. `tell` hears what is done, once a step."""
    with field_of(plan, peers, tell) as (ready, _):
        warm(ready, tell)
        rows = [measure_size(ready, size, targets_of(size, peers, tls=plan.tls), tell) for size in plan.sizes]
        for name, server in ready.servers.items():
            check_log(server, ready.asked[name])
    return rows


def measure_size(ready: Field, size: int, targets: Mapping[str, float], tell: Callable[[str], object]) -> Row:
    """All rounds of one size, the servers in turn."""
    plan, names = ready.plan, list(ready.servers)
    row = Row(size, targets)
    for number in range(plan.rounds):
        for name in turned(names, number):
            tell(f"{size} bytes, round {number + 1} of {plan.rounds}: {name}")
            row.samples.setdefault(name, []).append(ready.measure(name, size, plan.seconds))
    return row


def prepare(server: Server, plan: Plan) -> int:
    """Make every object a hit, compare every byte, see the refusals; how many requests were answered with 200."""
    asked = 0
    with contextlib.closing(connected(server, tls=plan.tls)) as connection:
        for path in (path for size in plan.sizes for path in paths(size, plan)):
            asked += ask_until_hit(server, connection, path)
        if not server.only_caches:
            _check_refusals(server, connection, plan.sizes[0])
    settle(server)
    return asked


def connected(server: Server, *, tls: bool) -> http.client.HTTPConnection:
    """A plain viewer, for what is not measured."""
    if tls:
        return http.client.HTTPSConnection("127.0.0.1", server.port, timeout=STALLED, context=tls_context())
    return http.client.HTTPConnection("127.0.0.1", server.port, timeout=STALLED)


def ask_until_hit(server: Server, connection: http.client.HTTPConnection, path: str, tries: int = 5) -> int:
    """Request an object until it is a hit; returns how many requests that took. Raises BenchFailed."""
    for attempt in range(1, tries + 1):
        status, fields, content = get(connection, server.target(path))
        if status != 200 or content != body(path):
            raise BenchFailed(f"{server.name}: {path} came with status {status} and {len(content)} bytes, not as it is")
        if attempt > 1 and "hit" in fields.get("Cache-Status", ""):
            return attempt
    raise BenchFailed(f"{server.name}: {path} is still no hit at the {tries}th request: {dict(fields)}")


def _check_refusals(server: Server, connection: http.client.HTTPConnection, size: int) -> None:
    path, foreign = (f"/cdn/eu/{title}/{size}/0.m4s" for title in (TITLE, FOREIGN_TITLE))
    expected = {
        "without a token": (path, 401),
        "with an expired token": (server.target(path, expired=True), 403),
        "for a title of another country": (server.target(foreign), 451),
    }
    for what, (target, right) in expected.items():
        status, _, _ = get(connection, target)
        if status != right:
            raise BenchFailed(f"{server.name}: a request {what} was answered {status}, not {right}")


def get(connection: http.client.HTTPConnection, target: str) -> tuple[int, http.client.HTTPMessage, bytes]:
    """One GET: (status, fields, body)."""
    connection.request("GET", target)
    with contextlib.closing(connection.getresponse()) as response:
        return response.status, response.headers, response.read()


def origin_count(port: int) -> int:
    """How many objects the origin has served so far."""
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", port, timeout=STALLED)) as connection:
        served: int = json.loads(get(connection, "/count")[2])["served"]
        return served


def settle(server: Server) -> None:
    """Wait until the server does nothing: what it still writes to disk is not a hit's cost."""
    deadline = time.monotonic() + QUIET_WITHIN
    while time.monotonic() < deadline:
        before = sum(map(cpu_seconds, server.pids))
        time.sleep(0.2)
        if sum(map(cpu_seconds, server.pids)) - before < 0.004:
            return
    raise BenchFailed(f"{server.name} is still busy {QUIET_WITHIN:g} s after its last request")


def check_log(server: Server, asked: int) -> None:
    """See that every request was logged; a buffer may take a moment to be written."""
    if server.only_caches:
        return
    deadline = time.monotonic() + LOGGED_WITHIN
    while (lines := count_lines(server.access_log)) < asked:
        if time.monotonic() > deadline:
            raise BenchFailed(f"{server.name} logged {lines} lines for {asked} requests")
        time.sleep(0.1)


def count_lines(file: Path) -> int:
    """Lines of a file that may be large or not be there yet."""
    try:
        with file.open("rb") as opened:
            return sum(chunk.count(b"\n") for chunk in iter(lambda: opened.read(1 << 20), b""))
    except FileNotFoundError:
        return 0
