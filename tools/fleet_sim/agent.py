"""Agents of the simulated fleet: edges reduced to what control sees of them.

The stream, what becomes of an update, the signed state on disk and the jobs are the edge's own code; behind them lies
no cache, a purge finds nothing, and what an agent reports of its viewers is made up. Settings decide how it fares: see
`REFUSED` and `HARMFUL`.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from cache.purge import Receipt as Purged
from edge.fleet.apply import FleetState
from edge.fleet.control_link import ControlCallbacks
from edge.fleet.jobs import CheckpointFile, JobActions, JobRunner
from edge.fleet.signed_state import SignedState
from edge.fleet.subscribe import Subscriber
from edge.prefetch.background import OnPrefetched, PrefetchResult
from edge.prefetch.scheduler import PrefetchRequest
from kernel.clock import Clock
from kernel.errors import BadSettings, UpstreamFailed
from kernel.fetch_reasons import PrefetchEnd
from kernel.fleet.hot_list import parse_hot
from kernel.fleet.jobs import Purge
from kernel.fleet.messages import HOT, SETTINGS, Applied, FromControl, FromEdge, Hello, Nack, Popular, Report
from kernel.heavy_hitters import HALF_LIFE
from rpc.edge_stream import EdgeStream
from rpc.identity_file import Credentials

REFUSED = {"default_ttl": "666s"}
"""Settings that every agent refuses."""
HARMFUL = {"default_ttl": "667s"}
"""Settings with which every agent answers a third of its requests with errors."""
SECONDS = 2.0
REQUESTS = 200
"""A report: so many requests in so many seconds, each of a segment of `SEGMENT` bytes."""
SEGMENT = 1_000_000
RENDITION_BYTES = 2_000_000_000
IN_SUM = REQUESTS / SECONDS * HALF_LIFE / 0.6931
"""Requests in a faded sum that has gone on for long."""


class Event(NamedTuple):
    """What happened to an agent, at `at` (seconds of the machine's monotonic clock, the same in all processes)."""

    kind: str
    agent: str
    at: float
    number: int = 0
    text: str = ""


@dataclass(slots=True)
class World:
    """What the agents of a process share. `rising`: a title, its share of all requests, since when."""

    clock: Clock
    control: list[str]
    say: Callable[[Event], object]
    popular: tuple[Popular, ...] = ()
    rising: tuple[str, float, float] | None = None
    connects: int = field(default=0)

    def taken(self) -> tuple[Popular, ...]:
        """What viewers take of each rendition: faded sums."""
        if self.rising is None:
            return self.popular
        title, share, since = self.rising
        requests = IN_SUM * share * (1 - 0.5 ** ((self.clock.mono() - since) / HALF_LIFE))
        return (Popular(title, "v/1080p", requests * SEGMENT, requests, RENDITION_BYTES), *self.popular)


def zipf(titles: int) -> tuple[Popular, ...]:
    """A steady taste: the n-th title is taken 1/n as often as the first."""
    total = sum(1 / rank for rank in range(1, titles + 1))
    shares = [IN_SUM / rank / total for rank in range(1, titles + 1)]
    return tuple(
        Popular(f"film-{rank}", "v/1080p", share * SEGMENT, share, RENDITION_BYTES)
        for rank, share in enumerate(shares, 1)
    )


class Agent:
    """One of them. `run` is one task, as the life of a process."""

    def __init__(self, hello: Hello, credentials: Credentials, folder: Path, world: World, jitter: float) -> None:
        self.id = hello.id
        self._world = world
        self._credentials = credentials
        self._applied: dict[str, int] = {}
        self._settings: object = None
        self._hot: tuple[str, ...] = ()
        doors = JobActions(_purge, _prefetch, asyncio.to_thread)
        self.jobs = JobRunner(CheckpointFile(folder), world.clock, doors)
        self.subscriber = Subscriber(
            hello,
            world.control,
            folder,
            world.clock,
            self._take,
            callbacks=ControlCallbacks(_accepts, self.jobs.enqueue, self.jobs.version, self._report, self._connected),
            connect=self._connect,
            store=SignedState(folder, hello.id, lambda: credentials.authority, jitter),
        )
        self.jobs.send_receipt = self.subscriber.sender.enqueue_receipt
        self.jobs.is_connected = lambda: self.subscriber.is_connected

    async def run(self) -> None:
        """For ever."""
        await self.jobs.load_checkpoint()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self.jobs.run())
            tasks.create_task(self.subscriber.run())

    def _say(self, kind: str, number: int = 0, text: str = "") -> None:
        self._world.say(Event(kind, self.id, self._world.clock.mono(), number, text))

    async def _connect(self, address: str) -> _Told:
        self._world.connects += 1
        try:
            return _Told(await EdgeStream.connect(address, self._credentials), self._said)
        except UpstreamFailed as error:
            self._say("failed", text=str(error))
            raise

    def _connected(self) -> None:
        self.jobs.on_connected()
        self._say("connected")

    def _said(self, message: FromEdge) -> None:
        """It went out."""
        match message:
            case Applied() if self._applied.get(message.resource) != message.version.number:
                self._applied[message.resource] = message.version.number
                self._say(f"applied {message.resource}", message.version.number, message.status)
            case Nack():
                self._say(f"nack {message.type}", message.version.number, message.error)
            case _:
                pass

    def _take(self, state: FleetState) -> None:
        settings = state.documents.get(SETTINGS, {}).get("default_ttl", "")
        if settings != self._settings:
            self._settings = settings
            self._say("settings", text=str(settings))
        hot = state.documents.get(HOT)
        titles = () if hot is None else tuple(sorted({row.content_id for row in parse_hot(hot)}))
        if titles != self._hot:
            self._hot = titles
            self._say("hot", len(titles), " ".join(titles))

    def _report(self) -> Report:
        bad = self._settings == HARMFUL["default_ttl"]
        return Report(
            SECONDS,
            requests=REQUESTS,
            hits=REQUESTS * 19 // 20,
            errors=REQUESTS // 3 if bad else 0,
            bytes_sent=REQUESTS * SEGMENT,
            connections=REQUESTS // 2,
            loop_delay=0.001,
            slow=0.02,
            popular=self._world.taken(),
        )


def _accepts(state: FleetState) -> None:
    if state.documents.get(SETTINGS, {}).get("default_ttl") == REFUSED["default_ttl"]:
        raise BadSettings("default_ttl", "the simulation says that no agent can follow it")


async def _purge(_: Purge) -> Purged:
    return Purged(0)


def _prefetch(url: str, done: OnPrefetched) -> bool:
    done(PrefetchRequest(url.encode(), "job"), PrefetchResult(PrefetchEnd.ALREADY_CACHED))
    return True


class _Told:
    """A connection that tells what was said over it."""

    def __init__(self, link: EdgeStream, said: Callable[[FromEdge], object]) -> None:
        self._link = link
        self._said = said

    async def send(self, message: FromEdge) -> None:
        await self._link.send(message)
        self._said(message)

    def __aiter__(self) -> AsyncIterator[FromControl]:
        return aiter(self._link)

    async def close(self) -> None:
        await self._link.close()
