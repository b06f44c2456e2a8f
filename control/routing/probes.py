"""Probes of each edge, as a viewer would reach it: a connection to its public port and any answer below 500.

Each replica of control probes by itself, with jitter, and tells the others what it saw (control.routing.service,
control.routing.health decide what follows). An edge whose stream has just broken is probed at once: that tells a dead
edge from a cut line.
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

EVERY = 2.0
LOOK = 0.25
WITHIN = 2.0
AT_ONCE = 64
NOTE_EVERY = 2.0
NOTE = "probes"
_MAX_LINE = 1024
_ALERT = b"\x15"

log = structlog.get_logger("control")


class Found(NamedTuple):
    """What a probe found."""

    well: bool
    reached: bool
    detail: str = ""


Ask = Callable[[str], Awaitable[Found]]


class Prober:
    """`run` probes for as long as control lives."""

    def __init__(
        self,
        traffic: RoutingService,
        clock: Clock,
        store: Store | None = None,
        *,
        ask: Ask | None = None,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._traffic = traffic
        self._clock = clock
        self._store = store
        self._ask = ask or probe
        self._jitter = jitter
        self._due: dict[str, float] = {}
        self._connected: dict[str, bool] = {}
        self._noted_at = float("-inf")
        self._free = asyncio.Semaphore(AT_ONCE)

    async def run(self) -> None:
        """Look who is due, four times a second; a probe that hangs holds up nobody else's."""
        async with asyncio.TaskGroup() as tasks:
            while True:
                for name, address in self.due():
                    tasks.create_task(self.one(name, address))
                if self._clock.mono() - self._noted_at >= NOTE_EVERY:
                    self._noted_at = self._clock.mono()
                    tasks.create_task(self.exchange())
                await sleep(self._clock, LOOK)

    def due(self) -> list[tuple[str, str]]:
        """The edges to probe now, with their addresses; each is put off until its next time."""
        now = self._clock.mono()
        edges = {edge.hello.id: edge for edge in self._traffic.edges() if self._traffic.address_of(edge)}
        for name in self._due.keys() - edges.keys():
            del self._due[name]
            self._connected.pop(name, None)
        found = []
        for name, edge in edges.items():
            broke = self._connected.get(name, False) and not edge.connected
            self._connected[name] = edge.connected
            if broke or now >= self._due.setdefault(name, now + EVERY * self._jitter()):
                self._due[name] = now + EVERY * (0.75 + self._jitter() / 2)
                found.append((name, self._traffic.address_of(edge)))
        return found

    async def one(self, name: str, address: str) -> None:
        """Probe one edge and tell what was found."""
        async with self._free:
            found = await self._ask(address)
        self._traffic.take_probe(name, well=found.well, reached=found.reached, detail=found.detail)

    async def exchange(self) -> None:
        """Tell the other replicas what this one sees, and take up what they say."""
        if self._store is None or self._store.database.listen is None:
            return
        with contextlib.suppress(StorageFailed, ValueError):  # each sees for itself until the store is back
            now = self._clock.wall()
            await publish_note(self._store, NOTE, self._traffic.note(), now)
            for said in await read_notes(self._store, NOTE, now):
                self._traffic.take_note(said.replica, said.at, said.content)


async def probe(address: str) -> Found:
    """Ask for `/` at HOST:PORT. An edge that speaks TLS answers plain text with an alert: it is there."""
    try:
        place = parse_address(address)
    except ValueError:
        return Found(well=False, reached=False, detail="no address")
    writer = None
    try:
        async with asyncio.timeout(WITHIN):
            reader, writer = await asyncio.open_connection(place.host, place.port, limit=_MAX_LINE)
            writer.write(b"GET / HTTP/1.1\r\nHost: probe\r\nUser-Agent: matinee-control\r\nConnection: close\r\n\r\n")
            line = await reader.read(_MAX_LINE)
    except TimeoutError:
        reached = writer is not None
        return Found(well=False, reached=reached, detail=f"no {'answer' if reached else 'connection'} in {WITHIN:g} s")
    except (OSError, ValueError) as error:  # ValueError: a name that cannot be looked up
        detail = getattr(error, "strerror", None) or type(error).__name__
        return Found(well=False, reached=writer is not None, detail=detail)
    finally:
        if writer is not None:
            writer.transport.abort()
    return judged(line)


def judged(line: bytes) -> Found:
    """What the first bytes of an answer say."""
    if line.startswith(_ALERT):
        return Found(well=True, reached=True)
    version, _, rest = line.partition(b" ")
    status = rest[:3]
    if not version.startswith(b"HTTP/1.") or not status.isdigit():
        return Found(well=False, reached=True, detail="no HTTP answer")
    if status >= b"500":
        return Found(well=False, reached=True, detail=f"answered {status.decode()}")
    return Found(well=True, reached=True)
