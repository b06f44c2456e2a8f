"""The part of an edge that owns the cache of a node: serves its workers, and speaks for the node.

It listens at two Unix sockets in the node's folder: `index` for the links of `edge.node.hub`, `relay` for requests that
workers relay. A node of one process has no such part.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Callable, Sequence
from typing import Protocol

from cache.cache import SegmentCache
from edge.counters import Counts
from edge.fleet.apply import FleetState
from edge.node.hub import Hub, WorkerNotKilled
from edge.node.processes.channel import Message, SupervisorLink
from edge.node.processes.place import NodePlace
from edge.node.relayed_viewers import RelayedViewers
from edge.policy.locate import Locator
from edge.prefetch.service import PrefetchService
from edge.serve.connection_limits import ConnectionLimits
from edge.serve.handler import RequestHandler
from edge.tasks import TaskOwner
from edge.wire.head import Limits
from edge.wire.http1_server import Connection
from kernel.clock import Clock
from kernel.fleet.messages import KEYS, SETTINGS

KILL_SECONDS = 5.0
"""How long the supervisor may take to kill a worker."""


class OwningEdge(Protocol):
    """The parts of an edge that its workers depend on."""

    cache: SegmentCache
    clock: Clock
    counts: Counts
    tasks: TaskOwner
    handler: RequestHandler
    locator: Locator
    connection_limits: ConnectionLimits
    prefetch_service: PrefetchService
    draining: bool

    @property
    def fleet_state(self) -> FleetState | None:
        """What control said; None without control."""


class NodeOwner:
    """See the module. `limits`: of relayed requests."""

    def __init__(self, place: NodePlace, edge: OwningEdge, link: SupervisorLink, limits: Limits) -> None:
        self._place, self._edge, self._link, self._limits = place, edge, link, limits
        self.relayed = RelayedViewers(edge.handler, edge.locator)
        self.hub = Hub(
            edge.cache, edge.clock, edge.counts, edge.connection_limits.counts, edge.tasks, self.state,
            place.survivors, self,
        )  # fmt: skip
        self._server: asyncio.Server | None = None
        self._kills: dict[int, asyncio.Future[None]] = {}
        self._number = 0
        self._released = asyncio.Event()
        self.hub.seen = self._on_seen
        link.on_message = self._on_message
        self.on_release: Callable[[], object] | None = None
        """Called when a successor needs what this process holds."""

    async def wait_for_predecessor(self) -> None:
        """Wait until the predecessor of the node has released the cache folder."""
        if self._place.takes_over:
            self._link.send(needs="release")
            await self._released.wait()

    async def open(self) -> None:
        """Listen for workers. Raises OSError."""
        loop = asyncio.get_running_loop()
        for path in (self._place.index_socket, self._place.relay_socket):
            with contextlib.suppress(FileNotFoundError):
                os.unlink(path)  # noqa: PTH108 (at once; left by an owner before us, which is dead)
        self._server = await loop.create_unix_server(
            lambda: Connection(self.relayed, self._limits), self._place.relay_socket, backlog=1024
        )
        await self.hub.open(self._place.index_socket)

    def close(self) -> None:
        """Stop serving workers."""
        if self._server is not None:
            self._server.close()
        self.relayed.abort_connections()
        self.hub.close()

    def state(self) -> dict[str, object]:
        """What is in force, as workers are told it."""
        state, edge = self._edge.fleet_state, self._edge
        if state is None:
            return {"draining": edge.draining}
        return {
            "draining": edge.draining,
            "rules": state.rules.to_json(),
            "rulesVersion": state.rules.version,
            "keys": [dict(key) for key in state.jwks.values()],
            "keysVersion": (state.version(KEYS).epoch, state.version(KEYS).number),
            "settings": dict(state.documents.get(SETTINGS, {})),
        }

    def _on_seen(self, keys: Sequence[bytes]) -> None:
        """Workers sent these objects: prefetch what follows them."""
        now = self._edge.clock.mono()
        for key in keys:
            entry = self._edge.cache.peek(key, {})
            if entry is not None:
                self._edge.prefetch_service.predictor.on_head_prepared(entry, now)

    async def reload(self, parts: Sequence[str]) -> dict[str, str]:
        """Have every worker reload these parts."""
        return await self.hub.reload(parts)

    def _on_message(self, message: Message) -> None:
        if "killed" in message:
            waiting = self._kills.pop(message["killed"], None)
            if waiting is not None and not waiting.done():
                waiting.set_result(None)
        elif "gone" in message:
            self.hub.on_gone(message["gone"])
        elif "released" in message:
            self._released.set()
        elif "release" in message and self.on_release is not None:
            self.on_release()

    async def kill(self, slot: int) -> None:
        """Have the supervisor kill a worker; returns when it is gone. Raises WorkerNotKilled."""
        self._number = number = self._number + 1
        made = self._kills[number] = asyncio.get_running_loop().create_future()
        self._link.send(kill=slot, number=number)
        await asyncio.wait((made,), timeout=KILL_SECONDS)
        if not made.done():
            self._kills.pop(number, None)
            raise WorkerNotKilled(f"worker {slot} was not killed within {KILL_SECONDS:g} s")
