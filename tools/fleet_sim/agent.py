"""Agents of the simulated fleet: edges without a cache, as control sees them.

Stream, updates, signed state on disk and jobs are the edge's own code. There is no cache, so purges find nothing, and
reports are invented. Settings determine the behaviour: see `REFUSED_SETTINGS` and `HARMFUL_SETTINGS`.
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

REFUSED_SETTINGS = {"default_ttl": "666s"}
"""Settings that every agent refuses."""
HARMFUL_SETTINGS = {"default_ttl": "667s"}
"""Settings with which every agent reports errors for a third of its requests."""
REPORT_SECONDS = 2.0
REPORT_REQUESTS = 200
"""Each report covers REPORT_REQUESTS requests of SEGMENT_BYTES in REPORT_SECONDS."""
SEGMENT_BYTES = 1_000_000
RENDITION_BYTES = 2_000_000_000
DECAYED_REQUESTS = REPORT_REQUESTS / REPORT_SECONDS * HALF_LIFE / 0.6931
"""The steady state of the decayed sum of an agent's requests."""


class AgentEvent(NamedTuple):
    """An event of an agent at `at` (seconds of the monotonic clock, which all processes share)."""

    kind: str
    agent: str
    at: float
    number: int = 0
    text: str = ""


@dataclass(slots=True)
class SharedWorld:
    """The state shared by the agents of a process. `rising` is (title, its share of all requests, since when)."""

    clock: Clock
    control: list[str]
    emit: Callable[[AgentEvent], object]
    popular: tuple[Popular, ...] = ()
    rising: tuple[str, float, float] | None = None
    connects: int = field(default=0)

    def popularity(self) -> tuple[Popular, ...]:
        """The decayed sums of the requests for each rendition."""
        if self.rising is None:
            return self.popular
        title, share, since = self.rising
        requests = DECAYED_REQUESTS * share * (1 - 0.5 ** ((self.clock.mono() - since) / HALF_LIFE))
        return (Popular(title, "v/1080p", requests * SEGMENT_BYTES, requests, RENDITION_BYTES), *self.popular)


def zipf(titles: int) -> tuple[Popular, ...]:
    """A Zipf distribution of requests: the n-th title gets 1/n of the first one's."""
    total = sum(1 / rank for rank in range(1, titles + 1))
    shares = [DECAYED_REQUESTS / rank / total for rank in range(1, titles + 1)]
    return tuple(
        Popular(f"film-{rank}", "v/1080p", share * SEGMENT_BYTES, share, RENDITION_BYTES)
        for rank, share in enumerate(shares, 1)
    )


class Agent:
    """One simulated edge; `run` is its task."""

    def __init__(self, hello: Hello, credentials: Credentials, folder: Path, world: SharedWorld, jitter: float) -> None:
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
            self.apply_state,
            callbacks=ControlCallbacks(
                refuse_settings, self.jobs.enqueue, self.jobs.version, self.make_report, self._connected
            ),
            connect=self._connect,
            store=SignedState(folder, hello.id, lambda: credentials.authority, jitter),
        )
        self.jobs.send_receipt = self.subscriber.sender.enqueue_receipt
        self.jobs.is_connected = lambda: self.subscriber.is_connected

    async def run(self) -> None:
        """Run for ever."""
        await self.jobs.load_checkpoint()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self.jobs.run())
            tasks.create_task(self.subscriber.run())

    def _emit(self, kind: str, number: int = 0, text: str = "") -> None:
        self._world.emit(AgentEvent(kind, self.id, self._world.clock.mono(), number, text))

    async def _connect(self, address: str) -> _RecordingStream:
        self._world.connects += 1
        try:
            return _RecordingStream(await EdgeStream.connect(address, self._credentials), self._record_sent)
        except UpstreamFailed as error:
            self._emit("failed", text=str(error))
            raise

    def _connected(self) -> None:
        self.jobs.on_connected()
        self._emit("connected")

    def _record_sent(self, message: FromEdge) -> None:
        """Emit events for messages that were sent to control."""
        match message:
            case Applied() if self._applied.get(message.resource) != message.version.number:
                self._applied[message.resource] = message.version.number
                self._emit(f"applied {message.resource}", message.version.number, message.status)
            case Nack():
                self._emit(f"nack {message.type}", message.version.number, message.error)
            case _:
                pass

    def apply_state(self, state: FleetState) -> None:
        """Emit events if the settings or the hot titles changed."""
        settings = state.documents.get(SETTINGS, {}).get("default_ttl", "")
        if settings != self._settings:
            self._settings = settings
            self._emit("settings", text=str(settings))
        hot = state.documents.get(HOT)
        titles = () if hot is None else tuple(sorted({row.content_id for row in parse_hot(hot)}))
        if titles != self._hot:
            self._hot = titles
            self._emit("hot", len(titles), " ".join(titles))

    def make_report(self) -> Report:
        """The agent's report of its invented viewers."""
        bad = self._settings == HARMFUL_SETTINGS["default_ttl"]
        return Report(
            REPORT_SECONDS,
            requests=REPORT_REQUESTS,
            hits=REPORT_REQUESTS * 19 // 20,
            errors=REPORT_REQUESTS // 3 if bad else 0,
            bytes_sent=REPORT_REQUESTS * SEGMENT_BYTES,
            connections=REPORT_REQUESTS // 2,
            loop_delay=0.001,
            slow=0.02,
            popular=self._world.popularity(),
        )


def refuse_settings(state: FleetState) -> None:
    """Raise BadSettings if the state has REFUSED_SETTINGS."""
    if state.documents.get(SETTINGS, {}).get("default_ttl") == REFUSED_SETTINGS["default_ttl"]:
        raise BadSettings("default_ttl", "refused by the simulation")


async def _purge(_: Purge) -> Purged:
    return Purged(0)


def _prefetch(url: str, done: OnPrefetched) -> bool:
    done(PrefetchRequest(url.encode(), "job"), PrefetchResult(PrefetchEnd.ALREADY_CACHED))
    return True


class _RecordingStream:
    """A connection that calls `said` for each message sent."""

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
