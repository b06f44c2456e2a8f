"""What the ingest service does by itself: ends silent leases, raises alerts, expires uploads, deletes what is over."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from dataclasses import dataclass

import structlog

from kernel.clock import Clock
from kernel.errors import StorageFailed
from origin.jobs.adoption import Homes
from origin.jobs.ingest_counts import IngestCounts
from origin.jobs.job_states import ENDED_JOBS, JobState
from origin.jobs.job_views import JobViews
from origin.jobs.queue import JobQueue
from origin.jobs.work.job_folder import JobFolders
from origin.uploads.upload_service import UploadService
from system.clock import sleep

log = structlog.get_logger("origin")

EVERY_SECONDS = 1.0
HOME_SECONDS = 5.0
"""Between two marks that this origin is there."""
MAX_GRACE_SECONDS = 4 * HOME_SECONDS
"""After a start, or after a time without the database, other origins have so long to set their marks again."""
TIDY_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class KeepTimes:
    """Seconds: until an alert for what stands still; for records of ended jobs; for files of failed ones."""

    stuck_after: float
    jobs: float
    failed: float


@dataclass(frozen=True, slots=True)
class Neighbours:
    """The other origins of the database: `silent` seconds until their jobs are adopted, 0: never.

    `can_fetch` says whether a film's location can be read from here.
    """

    homes: Homes
    silent: float
    can_fetch: Callable[[str], bool]


class Upkeep:
    """Run `run` as one task."""

    def __init__(
        self,
        queue: JobQueue,
        views: JobViews,
        uploads: UploadService,
        folders: JobFolders,
        home: str,
        neighbours: Neighbours,
        keep: KeepTimes,
        clock: Clock,
    ) -> None:
        self._queue = queue
        self._views = views
        self._uploads = uploads
        self._folders = folders
        self._home = home
        self._neighbours = neighbours
        self.keep = keep
        self._clock = clock
        self._alert: int | None = None
        """The number of the last alert that was reported; None before the first look."""
        self._marked = -math.inf
        self._marking_since = 0.0
        self._adopted_up_to = 0
        self.counts = IngestCounts()

    async def run(self, stopping: asyncio.Event) -> None:
        """Until the origin stops; a failing database is tried again."""
        tidied = visited = 0.0
        while not stopping.is_set():
            try:
                await self.end_and_alert()
                if self._clock.mono() - visited >= HOME_SECONDS:
                    await self.visit_neighbours()
                    visited = self._clock.mono()
                if self._clock.mono() - tidied >= TIDY_SECONDS:
                    await self.tidy()
                    tidied = self._clock.mono()
            except StorageFailed as error:
                log.warning("upkeep-failed", error=str(error))
            await sleep(self._clock, EVERY_SECONDS)

    async def end_and_alert(self) -> None:
        """End silent leases, raise alerts, count jobs. Raises StorageFailed."""
        now = self._clock.wall()
        await self._queue.expire(now)
        await self._views.raise_stuck(self._home, now, self.keep.stuck_after)
        await self.report_alerts()
        self.counts.jobs = {state.value: count for state, count in (await self._views.count_jobs()).items()}

    async def visit_neighbours(self) -> None:
        """Say that this origin is there, and take the jobs of those that are not. Raises StorageFailed."""
        neighbours, now, mono = self._neighbours, self._clock.wall(), self._clock.mono()
        if not neighbours.homes.database.is_shared:
            return
        await neighbours.homes.note(now)
        if mono - self._marked > 2 * HOME_SECONDS:
            # Without the database all origins look silent: the first one back must not take the jobs of all others.
            self._marking_since = mono
        self._marked = mono
        grace = min(neighbours.silent, MAX_GRACE_SECONDS)
        if not neighbours.silent or mono - self._marking_since < grace:
            return
        adopted, self._adopted_up_to = await neighbours.homes.adopt(
            now, neighbours.silent, neighbours.can_fetch, self._adopted_up_to
        )
        for job_id in adopted:
            log.warning("job-adopted", job=job_id)

    async def report_alerts(self) -> None:
        """Log and count the alerts that are new; those before the start were reported then."""
        if self._alert is None:
            self._alert = await self._views.last_alert()
            return
        for alert in await self._views.list_alerts(self._alert, 100):
            self._alert = alert.number
            self.counts.alerts[alert.kind] = self.counts.alerts.get(alert.kind, 0) + 1
            log.error("alert", kind=alert.kind, content_id=alert.content_id, job=alert.job_id, detail=alert.detail)

    async def tidy(self) -> None:
        """Uploads and folders that are over, records that are old. Raises StorageFailed."""
        now = self._clock.wall()
        await self._uploads.hand_over()
        await self._uploads.expire()
        await self._queue.delete_ended(now - self.keep.jobs)
        for job_id in await asyncio.to_thread(self._folders.ids):
            job = await self._views.job(job_id)
            kept_until = (job.finished or now) + self.keep.failed if job else 0.0
            over = job is None or (job.state in ENDED_JOBS and (job.state is not JobState.FAILED or kept_until <= now))
            over = over or (job is not None and job.home != self._home)  # another origin does it now
            if over:
                await asyncio.to_thread(self._folders.delete, job_id)
                if job is not None and job.request.upload_id:
                    await self._uploads.forget(job.request.upload_id)
