"""The stage of a scenario: actors and verbs, nothing else. See ARCHITECTURE "Scenario tests" and docs/design.md."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

from cache.cache import PurgeRequest
from edge.app import Edge
from edge.settings import EdgeSettings, ShieldSettings
from kernel.auth.signing_keys import generate_ed25519_pem, public_jwks
from kernel.auth.token import mint
from kernel.settings.table import Address, resolve
from tests.doubles.clock import FakeClock, turns, until
from tests.doubles.network import MemoryNetwork, TcpNetwork
from tests.scenario.h2_client import H2Client
from tests.scenario.library import Library
from tests.scenario.memory_control import MemoryControl
from tests.scenario.origin import Gate, Origin
from tests.scenario.viewer import Http1Client, Viewer

ADDRESSES = {"DE": "127.0.1.1", "FR": "127.0.1.2", "US": "127.0.1.3", None: "127.0.0.1"}
"""Where viewers of a country connect from; the stage's .mmdb says so."""
KID = "stage"
SIGNING = generate_ed25519_pem()


class Node:
    """An edge or shield on the stage; it starts when somebody first needs it."""

    def __init__(self, stage: Scenario, name: str, kind: type[EdgeSettings], upstream: Any, settings: dict[str, Any]):
        self.name = name
        self.edge: Edge | None = None
        self._stage = stage
        self._kind = kind
        self._upstream = upstream
        self.settings = settings
        self._starting: asyncio.Task[Address] | None = None

    async def started(self) -> Address:
        """Its address, once it serves."""
        if self._starting is None:
            self._starting = asyncio.ensure_future(self._start())
        return await asyncio.shield(self._starting)

    async def _start(self) -> Address:
        upstreams = self._upstream if isinstance(self._upstream, list) else [self._upstream]
        urls = [f"http://{await upstream.started()}" for upstream in upstreams]
        folder = self._stage.folder / self.name
        defaults: dict[str, Any] = {
            "id": self.name, "listen": "127.0.0.1:0", "admin": "127.0.0.1:0", "ram": "32MiB", "disk": "64MiB",
            "cache_dir": folder / "cache", "tokens": "off", "geo": self._stage.geo(),
            "access_log": folder / "access.log",
            "http2": "prior-knowledge" if self._stage.ground == "h2" else "on",
        }  # fmt: skip
        given = defaults | self.settings
        if "control" in given:
            given |= {"connect": given["control"].connect, "control": "127.0.0.1:1", "fleet_dir": folder / "fleet"}
        if given["tokens"] == "required" and "control" not in given:
            given.setdefault("keys", self._stage.jwks())
        flags = {name: [str(value)] for name, value in given.items() if name != "connect"} | {"upstream": urls}
        settings = resolve(self._kind, flags=flags)
        self.edge = Edge(settings, self._stage.network, self._stage.clock, connect=given.get("connect"))
        await self.edge.start()
        assert self.edge.address is not None
        return self.edge.address

    async def until(self, **counters: int) -> None:
        """Let the loop turn until the counters stand so."""
        await self.started()
        assert self.edge is not None
        edge = self.edge

        def come() -> bool:
            stats = edge.stats()
            return all(stats[name] == value for name, value in counters.items())

        try:
            await until(come)
        except AssertionError:
            unexpected = self._stage.unexpected_requests()
            first = f"unexpected requests: {unexpected}; " if unexpected else ""
            now = {name: edge.stats()[name] for name in counters}
            raise AssertionError(f"{first}{self.name} never reached {counters}, it has {now}") from None

    def counts(self, **counters: int) -> None:
        """The counters stand so now."""
        assert self.edge is not None
        stats = self.edge.stats()
        assert {name: stats[name] for name in counters} == counters

    def purges(self, *names: str, **what: Any) -> asyncio.Future[int]:
        """A purge at this node alone, by surrogate key or by the fields of `PurgeRequest`.

        It runs; what it dropped comes with `await`. See `MemoryControl.purges` for one that goes to the whole fleet.
        """
        assert self.edge is not None
        given = {"keys": tuple(name.encode() for name in names)} | what
        return asyncio.ensure_future(self.edge.cache.purge(PurgeRequest(**given)))

    async def written(self) -> None:
        """Wait until everything stored is on disk."""
        assert self.edge is not None
        while self.edge.cache.tiers.writer:
            await turns(1)

    async def stops(self) -> None:
        """Stop cleanly."""
        if self._starting is not None:
            await self._starting
        self._starting = None
        if self.edge is not None:
            edge, self.edge = self.edge, None
            edge.drain()
            edge.listener.abort_connections()
            await turns()
            await edge.stop()
            self._stage.unexpected += [f"{self.name}: {error!r}" for error in edge.unexpected]

    async def is_killed(self) -> None:
        """Gone at once: nothing is drained, nothing said, only the folder stays."""
        await self.started()
        edge, self.edge, self._starting = self.edge, None, None
        assert edge is not None
        edge.listener.abort_connections()
        edge.listener.close()
        edge.upstreams.close()
        await edge.tasks.stop(grace=0)
        if edge.disk is not None:
            edge.disk.close()


class Scenario:
    """One play. `ground` is "memory", "tcp", or "h2": in memory, and viewers speak HTTP/2."""

    def __init__(self, ground: str, folder: Path, geo: Path) -> None:
        self.network: Any = TcpNetwork() if ground == "tcp" else MemoryNetwork()
        self.ground = ground
        self.folder = folder
        self.clock = FakeClock()
        self.unexpected: list[str] = []
        self._geo = geo
        self.origins: list[Origin] = []
        self._nodes: list[Node] = []
        self._controls: list[MemoryControl] = []
        self._before = asyncio.all_tasks()

    def geo(self) -> Path:
        return self._geo

    def jwks(self) -> Path:
        file = self.folder / "jwks.json"
        file.write_text(json.dumps(public_jwks(SIGNING, KID)))
        return file

    def gate(self) -> Gate:
        return Gate()

    def origin(self, name: str) -> Origin:
        made = Origin(name, self.network, self.clock)
        self.origins.append(made)
        return made

    def library(self, name: str) -> Library:
        """An origin that holds objects as a file server does."""
        made = Library(name, self.network, self.clock)
        self.origins.append(made)
        return made

    def edge(self, name: str, upstream: Origin | Node | list[Any], **settings: Any) -> Node:
        return self._node(name, EdgeSettings, upstream, settings)

    def control(self, name: str, **settings: Any) -> MemoryControl:
        """A control process; edges join it by `control=`. It speaks in memory on both grounds: gRPC is tested apart."""
        del name
        made = MemoryControl(self.clock, **settings)
        made.rotates_keys(public_jwks(SIGNING, KID))
        self._controls.append(made)
        return made

    def shield(self, name: str, upstream: Origin | Node | list[Any], **settings: Any) -> Node:
        return self._node(name, ShieldSettings, upstream, settings)

    def _node(self, name: str, kind: type[EdgeSettings], upstream: Any, settings: dict[str, Any]) -> Node:
        made = Node(self, name, kind, upstream, settings)
        self._nodes.append(made)
        return made

    def token(self, path: str, *, ttl: float = 3600, key: bytes = SIGNING, kid: str = KID, **claims: Any) -> str:
        return mint(key, kid, path=path, now=self.clock.wall(), ttl=ttl, **claims)

    def viewer(self, name: str, at: Node, country: str | None = None, token: str | None = None) -> Viewer:
        client = H2Client if self.ground == "h2" else Http1Client
        return Viewer(name, at, ADDRESSES[country], f"/t/{token}" if token else "", self.network, client)

    def unexpected_requests(self) -> list[str]:
        """Requests that no origin expected, in the order they came to each."""
        return [line for origin in self.origins for line in origin.unexpected]

    async def ends(self) -> None:
        """Stop every actor; fail on unexpected requests, on expected ones that never came, on errors and leaks."""
        for node in reversed(self._nodes):
            await node.stops()
        for control in self._controls:
            await control.goes_down()
        for origin in self.origins:
            origin.goes_down()
        await turns(20)
        # An unexpected request is often why another one never came, so it is named first.
        unexpected = self.unexpected_requests()
        assert not unexpected, f"unexpected requests: {unexpected}"
        left = [line for origin in self.origins for line in origin.left()]
        assert not left, f"expected requests that never came: {left}"
        assert not self.unexpected, f"unexpected errors: {self.unexpected}"
        me = asyncio.current_task()

        def leaked() -> list[asyncio.Task[Any]]:
            return [t for t in asyncio.all_tasks() - self._before if t is not me and not t.done()]

        try:
            await until(lambda: not leaked())
        except AssertionError:
            raise AssertionError(f"tasks leaked: {leaked()}") from None
