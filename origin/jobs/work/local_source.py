"""The queue for a worker on the origin's own host: its database."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from kernel.clock import Clock
from origin.jobs.job_graph import StepKind
from origin.jobs.queue import JobQueue
from origin.jobs.records import Failure, Lease
from origin.jobs.work.step_outcome import StepOutcome


@dataclass(frozen=True, slots=True)
class LocalSource:
    """A `LeaseSource`. Files that a step has made are in the job's folder already."""

    queue: JobQueue
    worker: str
    home: str
    clock: Clock
    kinds: Collection[StepKind] = tuple(StepKind)

    async def lease(self) -> Lease | None:
        """The next step."""
        return await self.queue.lease(self.worker, self.home, self.kinds, self.clock.wall())

    async def prepare(self, lease: Lease) -> None:
        """The job's folder is here."""

    async def extend(self, lease: Lease, progress: float) -> bool:
        """A heartbeat."""
        return await self.queue.extend(lease.token, progress, self.clock.wall())

    async def finish(self, lease: Lease, outcome: StepOutcome) -> bool:
        """The step is done."""
        return await self.queue.finish(
            lease.token, self.clock.wall(), result=outcome.result, plan=outcome.plan, more=outcome.more
        )

    async def fail(self, lease: Lease, failure: Failure) -> bool:
        """The step failed."""
        return await self.queue.fail(lease.token, failure, self.clock.wall())

    async def release(self, lease: Lease) -> None:
        """Give the step back."""
        await self.queue.release(lease.token, self.clock.wall())
