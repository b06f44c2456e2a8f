"""A worker: leases a step, runs it in a thread, keeps the lease by heartbeats, and says how it ended."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Protocol

import structlog

from kernel.clock import Clock
from kernel.errors import StorageFailed, UpstreamFailed
from origin.jobs.records import Failure, Lease
from origin.jobs.work.step_outcome import StepOutcome, StepRunner, StepStopped, describe_failure
from system.clock import sleep

log = structlog.get_logger("origin")

IDLE_SECONDS = 0.5
MAX_IDLE_SECONDS = 5.0
"""Pauses between looks for work; they grow while the queue cannot be reached."""
HEARTBEATS = 4
"""Heartbeats in the time of a lease."""

QueueAway = (StorageFailed, UpstreamFailed)


class LeaseSource(Protocol):
    """The queue as a worker sees it. Every call raises StorageFailed or UpstreamFailed while the queue is away."""

    async def lease(self) -> Lease | None:
        """The next step, or None after a look or a wait."""

    async def prepare(self, lease: Lease) -> None:
        """Bring what the step reads to this host."""

    async def extend(self, lease: Lease, progress: float) -> bool:
        """A heartbeat; False if the lease is lost."""

    async def finish(self, lease: Lease, outcome: StepOutcome) -> bool:
        """The step is done; its files are delivered first. False if the lease is lost."""

    async def fail(self, lease: Lease, failure: Failure) -> bool:
        """The step failed. False if the lease is lost."""

    async def release(self, lease: Lease) -> None:
        """Give the step back."""


class Worker:
    """One worker. `idle_exit`: seconds without work after which `run` returns; None: never.

    `wait` ends when there may be work, or after so many seconds; None: a pause of `IDLE_SECONDS`.
    """

    def __init__(
        self,
        source: LeaseSource,
        runner: StepRunner,
        clock: Clock,
        stopping: asyncio.Event,
        idle_exit: float | None = None,
        wait: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        self._source = source
        self._runner = runner
        self._clock = clock
        self._stopping = stopping
        self._idle_exit = idle_exit
        self._wait = wait

    async def run(self) -> None:
        """Work until `stopping` is set, or until there has been nothing to do for `idle_exit`."""
        pause, idle_since = IDLE_SECONDS, self._clock.mono()
        while not self._stopping.is_set():
            try:
                lease = await self._source.lease()
                pause = IDLE_SECONDS
            except QueueAway as error:
                log.warning("queue-away", error=str(error))
                lease, pause = None, min(MAX_IDLE_SECONDS, pause * 2)
            if lease is not None:
                await self._work(lease)
                idle_since = self._clock.mono()
            elif self._idle_exit is not None and self._clock.mono() - idle_since >= self._idle_exit:
                return
            elif self._wait is not None and pause == IDLE_SECONDS:
                await self._wait()
            else:
                await sleep(self._clock, pause)

    async def _work(self, lease: Lease) -> None:
        attempt = _Attempt(lease)
        log.info("step-started", job=lease.job_id, step=lease.step.id, attempt=lease.attempt)
        async with asyncio.TaskGroup() as group:
            beating = group.create_task(self._keep(attempt))
            stopping = group.create_task(self._stop_with_worker(attempt))
            try:
                await self._run(attempt)
            finally:
                beating.cancel()
                stopping.cancel()

    async def _run(self, attempt: _Attempt) -> None:
        """Run the step and say how it ended. While the queue is away, the result is kept as long as the lease."""
        lease, source = attempt.lease, self._source
        try:
            await source.prepare(lease)
            outcome = await asyncio.to_thread(self._runner.run, lease, attempt.report)
        except StepStopped:
            if self._stopping.is_set():
                with suppress(*QueueAway):
                    await source.release(lease)
            log.info("step-stopped", job=lease.job_id, step=lease.step.id)
        except Exception as error:  # noqa: BLE001 (every failure of a step is the queue's to judge)
            failure = describe_failure(error, lease)
            log.warning("step-failed", job=lease.job_id, step=lease.step.id, reason=failure.reason, why=failure.detail)
            await self._persist(attempt, lambda: source.fail(lease, failure))
        else:
            kept = await self._persist(attempt, lambda: source.finish(lease, outcome))
            log.info("step-done" if kept else "step-lost", job=lease.job_id, step=lease.step.id)

    async def _persist(self, attempt: _Attempt, call: Callable[[], object]) -> bool:
        """Repeat a call while the queue is away, until the lease is lost."""
        while not attempt.is_lost:
            try:
                return bool(await call())  # type: ignore[misc]
            except QueueAway as error:
                log.warning("queue-away", error=str(error), job=attempt.lease.job_id, step=attempt.lease.step.id)
                await sleep(self._clock, IDLE_SECONDS)
        return False

    async def _keep(self, attempt: _Attempt) -> None:
        """Heartbeats. A queue that does not answer loses us the lease only when its time is over."""
        lease = attempt.lease
        until = self._clock.mono() + lease.seconds
        while not attempt.is_lost:
            await sleep(self._clock, lease.seconds / HEARTBEATS)
            try:
                if await self._source.extend(lease, attempt.progress):
                    until = self._clock.mono() + lease.seconds
                    continue
                attempt.lose()
            except QueueAway as error:
                log.warning("heartbeat-failed", error=str(error), job=lease.job_id, step=lease.step.id)
                if self._clock.mono() >= until:
                    attempt.lose()

    async def _stop_with_worker(self, attempt: _Attempt) -> None:
        await self._stopping.wait()
        attempt.stop()


class _Attempt:
    """A step that runs: its progress, written by its thread, and whether it is to end."""

    def __init__(self, lease: Lease) -> None:
        self.lease = lease
        self.progress = 0.0
        self.is_lost = False
        self._ended = threading.Event()

    def report(self, progress: float) -> None:
        """Called by the step's thread."""
        self.progress = progress
        if self._ended.is_set():
            raise StepStopped

    def lose(self) -> None:
        """The lease is lost: the result would be dropped."""
        self.is_lost = True
        self._ended.set()

    def stop(self) -> None:
        """The worker stops."""
        self._ended.set()
