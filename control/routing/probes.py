"""Probe each edge as a viewer would reach it: connect to its public port and expect any answer below 500.

Each replica of control probes by itself, with jitter, and shares its results with the others
(`control.routing.service`). An edge whose stream has just broken is probed at once, which tells a dead edge from a cut
line.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import Awaitable, Callable
from typing import NamedTuple

import structlog

from control.db.replica_notes import publish_note, read_notes
from control.db.store import Store
from control.routing.service import RoutingService
from kernel.clock import Clock
from kernel.errors import StorageFailed
from kernel.settings.table import parse_address
from system.clock import sleep

PROBE_EVERY = 2.0
"""Mean seconds between two probes of an edge."""
CHECK_EVERY = 0.25
"""Seconds between two checks of which edges are due."""
PROBE_SECONDS = 2.0
"""Seconds that a probe may take."""
MAX_PROBES = 64
"""Probes at a time."""
NOTE_EVERY = 2.0
NOTE_NAME = "probes"
_MAX_LINE = 1024
_TLS_ALERT = b"\x15"

log = structlog.get_logger("control")


class ProbeResult(NamedTuple):
    """A probe's result: whether the edge is healthy, and whether it could be connected to at all."""

    well: bool
    reached: bool
    detail: str = ""


SendProbe = Callable[[str], Awaitable[ProbeResult]]


class Prober:
    """Probes edges; run `run` as one task."""

    def __init__(
        self,
        routing: RoutingService,
        clock: Clock,
        store: Store | None = None,
        *,
        send: SendProbe | None = None,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._routing = routing
        self._clock = clock
        self._store = store
        self._send = send or probe
        self._jitter = jitter
        self._due_at: dict[str, float] = {}
        self._was_connected: dict[str, bool] = {}
        self._noted_at = float("-inf")
        self._slots = asyncio.Semaphore(MAX_PROBES)

    async def run(self) -> None:
        """Start the probes that are due, four times a second, for ever. A probe that hangs delays no other."""
        async with asyncio.TaskGroup() as tasks:
            while True:
                for name, address in self.due_edges():
                    tasks.create_task(self.probe_edge(name, address))
                if self._clock.mono() - self._noted_at >= NOTE_EVERY:
                    self._noted_at = self._clock.mono()
                    tasks.create_task(self.exchange_notes())
                await sleep(self._clock, CHECK_EVERY)

    def due_edges(self) -> list[tuple[str, str]]:
        """(id, address) of the edges to probe now; sets when each is due again."""
        now = self._clock.mono()
        edges = {edge.hello.id: edge for edge in self._routing.edges() if self._routing.address_of(edge)}
        for name in self._due_at.keys() - edges.keys():
            del self._due_at[name]
            self._was_connected.pop(name, None)
        due = []
        for name, edge in edges.items():
            just_broke = self._was_connected.get(name, False) and not edge.connected
            self._was_connected[name] = edge.connected
            if just_broke or now >= self._due_at.setdefault(name, now + PROBE_EVERY * self._jitter()):
                self._due_at[name] = now + PROBE_EVERY * (0.75 + self._jitter() / 2)
                due.append((name, self._routing.address_of(edge)))
        return due

    async def probe_edge(self, name: str, address: str) -> None:
        """Probe one edge and record the result."""
        async with self._slots:
            result = await self._send(address)
        self._routing.record_probe(name, well=result.well, reached=result.reached, detail=result.detail)

    async def exchange_notes(self) -> None:
        """Publish this replica's probes, and record those of the others."""
        if self._store is None or self._store.database.listen is None:
            return
        # While the store is away each replica relies on its own probes.
        with contextlib.suppress(StorageFailed, ValueError):
            now = self._clock.wall()
            await publish_note(self._store, NOTE_NAME, self._routing.probe_note(), now)
            for note in await read_notes(self._store, NOTE_NAME, now):
                self._routing.record_note(note.replica, note.at, note.content)


async def probe(address: str) -> ProbeResult:
    """Request `/` at HOST:PORT. An edge that speaks TLS answers plain text with an alert, which proves it alive."""
    try:
        place = parse_address(address)
    except ValueError:
        return ProbeResult(well=False, reached=False, detail="no address")
    writer = None
    try:
        async with asyncio.timeout(PROBE_SECONDS):
            reader, writer = await asyncio.open_connection(place.host, place.port, limit=_MAX_LINE)
            writer.write(b"GET / HTTP/1.1\r\nHost: probe\r\nUser-Agent: matinee-control\r\nConnection: close\r\n\r\n")
            line = await reader.read(_MAX_LINE)
    except TimeoutError:
        missing = "connection" if writer is None else "answer"
        return ProbeResult(well=False, reached=writer is not None, detail=f"no {missing} in {PROBE_SECONDS:g} s")
    except (OSError, ValueError) as error:  # ValueError: a name that cannot be looked up
        detail = getattr(error, "strerror", None) or type(error).__name__
        return ProbeResult(well=False, reached=writer is not None, detail=detail)
    finally:
        if writer is not None:
            writer.transport.abort()
    return judge_answer(line)


def judge_answer(line: bytes) -> ProbeResult:
    """The result that the first bytes of an answer show."""
    if line.startswith(_TLS_ALERT):
        return ProbeResult(well=True, reached=True)
    version, _, rest = line.partition(b" ")
    status = rest[:3]
    if not version.startswith(b"HTTP/1.") or not status.isdigit():
        return ProbeResult(well=False, reached=True, detail="no HTTP answer")
    if status >= b"500":
        return ProbeResult(well=False, reached=True, detail=f"answered {status.decode()}")
    return ProbeResult(well=True, reached=True)
