"""The upkeep of an origin's stores: one task that does what is due, and one that brings back what is cold."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass, replace
from functools import partial

import structlog

from kernel.clock import Clock
from kernel.errors import StorageFailed
from origin.stores.open_store import Stores
from origin.upkeep.cooling import Mover
from origin.upkeep.garbage import Collector, GarbagePolicy
from origin.upkeep.plays import DAY, Plays
from origin.upkeep.schedule import LastRun, claim, note_progress
from origin.upkeep.scrubber import Scrubber, ScrubReport
from rpc.supervised import TaskSupervisor

log = structlog.get_logger("origin")

TICK_SECONDS = 60.0
Duty = Callable[[], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class UpkeepPolicy:
    """Seconds between runs (0: never), the limits of each, and `scrub_rate` in bytes/s."""

    garbage: GarbagePolicy
    garbage_every: float
    scrub_every: float
    scrub_rate: int
    cold_after: float


@dataclass(slots=True)
class UpkeepCounts:
    """What upkeep did since the start of the program."""

    garbage_objects: int = 0
    scrubbed_bytes: int = 0
    scrub_damaged: int = 0
    scrub_repaired: int = 0
    scrub_lost: int = 0
    cooled_objects: int = 0


class Upkeep:
    """Owned by the program, which runs `run` in a task group and cancels it at a stop."""

    def __init__(self, stores: Stores, policy: UpkeepPolicy, clock: Clock, plays: Plays, mover: Mover | None) -> None:
        self._stores = stores
        self._policy = policy
        self._clock = clock
        self._plays = plays
        self._mover = mover
        self.counts = UpkeepCounts()

    async def run(self) -> None:
        """Do what is due, every minute, until cancelled; a task that has a bug is restarted and ends no other."""
        supervised = TaskSupervisor(self._clock.mono)
        async with asyncio.TaskGroup() as group:
            if self._mover is not None:
                group.create_task(supervised.run_task("bring-back", self._mover.run))
            for kind, do in self._duties().items():
                group.create_task(supervised.run_task(kind, partial(self._repeat, kind, do)))

    def _duties(self) -> dict[str, Duty]:
        """What upkeep does, in the order of a tick."""
        policy = self._policy
        duties: dict[str, Duty] = {
            "plays": self.save_plays,
            "garbage": partial(self._run_due, "garbage", policy.garbage_every, self._collect),
            "scrub": partial(self._run_due, "scrub", policy.scrub_every, self._scrub),
        }
        if self._mover is not None:
            duties["cooling"] = partial(self._run_due, "cooling", min(DAY, policy.cold_after), self._cool)
        return duties

    async def _repeat(self, kind: str, do: Duty) -> None:
        while True:
            await asyncio.sleep(TICK_SECONDS)
            await self._try(kind, do)

    async def tick(self) -> None:
        """Save plays, and run what is due. A store that fails stops nothing: it is tried at the next tick."""
        for kind, do in self._duties().items():
            await self._try(kind, do)

    def note_play(self, content_id: str, path: str) -> None:
        """A file was served; only a cold tier asks for it."""
        if self._mover is not None:
            self._plays.note(content_id, path, self._clock.wall())

    async def stop(self) -> None:
        """Save what a stop would lose."""
        await self._try("plays", self.save_plays)

    async def save_plays(self) -> None:
        """Save when renditions were played; only a cold tier asks."""
        if self._mover is not None:
            await self._plays.save(self._stores.store)

    async def _try(self, kind: str, do: Duty) -> None:
        try:
            await do()
        except StorageFailed as error:
            log.warning("upkeep-failed", kind=kind, error=str(error))

    async def _run_due(self, kind: str, every: float, do: Callable[[LastRun], Awaitable[None]]) -> None:
        if every:
            run = await claim(self._stores.store, kind, every, self._clock.wall())
            if run is not None:
                await do(run)

    async def _collect(self, _: LastRun) -> None:
        report = await Collector(self._stores, self._policy.garbage, self._clock.wall()).collect()
        self.counts.garbage_objects += report.objects
        log.info("garbage-collected", **asdict(report))

    async def _cool(self, _: LastRun) -> None:
        if self._mover is not None:
            report = await self._mover.cool(self._clock.wall(), int(self._policy.cold_after // DAY))
            self.counts.cooled_objects += report.objects
            log.info("renditions-cooled", **asdict(report))

    async def _scrub(self, run: LastRun) -> None:
        """A pass may take days: it is counted as it goes, and goes on after a restart where it was."""
        store, report, before = self._stores.store, ScrubReport(), replace(self.counts)
        scrubber = Scrubber(self._stores, self._clock.mono, rate=self._policy.scrub_rate, report=report)

        async def note(after: str) -> None:
            self.counts.scrubbed_bytes = before.scrubbed_bytes + report.bytes
            self.counts.scrub_damaged = before.scrub_damaged + report.damaged + report.missing
            self.counts.scrub_repaired = before.scrub_repaired + report.repaired
            self.counts.scrub_lost = before.scrub_lost + report.lost
            await note_progress(store, "scrub", run, after, self._clock.wall())

        await scrubber.scrub(run.after, note_progress=note)
        await note_progress(store, "scrub", run, "", self._clock.wall())
        log.info("scrubbed", **(asdict(report) | {"findings": len(report.findings)}))
