"""Plays thousands of viewers on one event loop."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable, Coroutine, Iterable, Mapping
from random import Random
from typing import Any
from urllib.parse import urlsplit

from loadtest.drivers.body_checks import BodyChecks
from loadtest.drivers.connection import Connection
from loadtest.drivers.http1 import Endpoint
from loadtest.drivers.session_runner import SessionRunner
from loadtest.drivers.shared_manifests import SharedManifests
from loadtest.player.cmcd import without_token
from loadtest.player.player import Player
from loadtest.player.requests import Fetch
from loadtest.player.settings import PlayerSettings
from loadtest.session import RequestKind, SessionRecord, Viewer
from system.clock import SystemClock

CLOSING_S = 2.0
"""Stopped sessions may still send their last reports for so long."""
MAX_OBJECTS = 2_000_000
"""Different objects that are told apart; further ones are not counted."""
DNS_TTL_S = 10.0
_MEDIA = (RequestKind.MANIFEST, RequestKind.INIT, RequestKind.SEGMENT)


class AsyncioDriver:
    """Plays viewers; see `loadtest.runs.driver.Driver`. `speed` is story seconds a wall second.

    `fields` are sent with every request. `origin` is the address of an origin to compare segments with.
    """

    def __init__(
        self,
        settings: PlayerSettings,
        *,
        speed: float = 1.0,
        fields: Mapping[str, str] | None = None,
        origin: str | None = None,
        verify_tls: bool = True,
        seed: int = 1,
    ) -> None:
        self.speed = speed
        self.fields = tuple((fields or {}).items())
        self.checks = BodyChecks(origin) if origin else None
        self._settings = settings
        self._seed = seed
        self._clock = SystemClock()
        self._manifests = SharedManifests()
        self._objects: set[int] = set()
        self._runners: set[SessionRunner] = set()
        self._works: set[asyncio.Task[None]] = set()
        self._addresses: dict[tuple[str, int], tuple[float, str]] = {}
        self._tls = ssl.create_default_context()
        if not verify_tls:
            self._tls.check_hostname, self._tls.verify_mode = False, ssl.CERT_NONE

    @property
    def playing(self) -> int:
        """Sessions that play now."""
        return len(self._runners)

    @property
    def objects(self) -> int:
        """Different objects requested so far."""
        return len(self._objects)

    async def play(
        self, viewers: Iterable[Viewer], seconds: float, on_record: Callable[[SessionRecord], object]
    ) -> None:
        """Play all viewers, each from its arrival; after `seconds` of wall time those who still play are stopped."""
        self.loop = asyncio.get_running_loop()
        began, self._empty = self.loop.time(), asyncio.Event()
        self._on_record = on_record
        async with asyncio.TaskGroup() as self._tasks:
            try:
                async with asyncio.timeout_at(began + seconds):
                    for viewer in viewers:
                        wait_s = began + viewer.arrival_s / self.speed - self.loop.time()
                        if wait_s > 0:
                            await asyncio.sleep(wait_s)
                        self._begin(viewer)
                    await self._wait_until_empty()
            except TimeoutError:
                await self._stop_all()
            for work in self._works:
                work.cancel()
        if self.checks is not None:
            await self.checks.close()

    def _begin(self, viewer: Viewer) -> None:
        session_id = f"{Random(f'{self._seed}/{viewer.seed}/{viewer.number}').getrandbits(128):032x}"
        player = Player(viewer, self._settings, session_id, wall_s=self._clock.wall(), reader=self._manifests)
        runner = SessionRunner(player, self, self._over)
        self._runners.add(runner)
        runner.begin()

    def _over(self, runner: SessionRunner) -> None:
        self._runners.discard(runner)
        self._on_record(runner.player.record)
        if not self._runners:
            self._empty.set()

    async def _wait_until_empty(self) -> None:
        while self._runners:
            self._empty.clear()
            await self._empty.wait()

    async def _stop_all(self) -> None:
        for runner in list(self._runners):
            runner.stop()
        try:
            async with asyncio.timeout(CLOSING_S):
                await self._wait_until_empty()
        except TimeoutError:
            for runner in list(self._runners):
                runner.cut()

    # What the sessions share

    async def connect(self, make: Callable[[], Connection], endpoint: Endpoint) -> None:
        """Open a connection to an endpoint; OSError."""
        address = await self._address(endpoint)
        tls, name = (self._tls, endpoint.host) if endpoint.tls else (None, None)
        await self.loop.create_connection(make, address, endpoint.port, ssl=tls, server_hostname=name)

    async def _address(self, endpoint: Endpoint) -> str:
        key, now = (endpoint.host, endpoint.port), self.loop.time()
        until, address = self._addresses.get(key, (0.0, ""))
        if until < now:
            found = await self.loop.getaddrinfo(endpoint.host, endpoint.port, type=1)
            address = str(found[0][4][0])
            self._addresses[key] = (now + DNS_TTL_S, address)
        return address

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Run as a task of this driver."""
        task = self._tasks.create_task(work)
        self._works.add(task)
        task.add_done_callback(self._works.discard)

    def note_object(self, fetch: Fetch) -> None:
        """Count a media object that was asked for."""
        if fetch.kind in _MEDIA and len(self._objects) < MAX_OBJECTS:
            # By the path: one object has several addresses where several edges serve it.
            self._objects.add(hash((urlsplit(without_token(fetch.address)).path, fetch.byte_range)))
