"""The ingest service within the origin: built from settings, opened in the background, looked after, closed.

The origin serves viewers first: while the queue cannot be opened, `/content/*` answers 503 and all else works.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path

import structlog
from aiohttp import web

from kernel.clock import Clock
from kernel.errors import BadRequest, BadSettings, Overloaded, StorageFailed
from kernel.settings.store_address import StoreAddress
from origin.ingest.limit_settings import film_limits
from origin.jobs.adoption import Homes
from origin.jobs.ingest_counts import IngestCounts
from origin.jobs.job_settings import JobSettings, WorkerOptions, job_database
from origin.jobs.job_views import JobViews
from origin.jobs.queue import PLANNED, JobQueue, QueueRules
from origin.jobs.schema import MIGRATIONS
from origin.jobs.service.api_door import ApiDoor, read_api_key
from origin.jobs.service.content_routes import ContentRoutes, job_fields
from origin.jobs.service.data_folder import lock_data, read_home
from origin.jobs.service.ingest_service import IngestParts, IngestService, KeptMaster
from origin.jobs.service.job_events import JobEvents
from origin.jobs.service.upkeep import KeepTimes, Neighbours, Upkeep
from origin.jobs.service.withdrawals import Withdrawals
from origin.jobs.service.work_routes import WorkParts, WorkRoutes
from origin.jobs.work.announce import Announcer
from origin.jobs.work.job_folder import JobFolders
from origin.jobs.work.local_workers import LocalWorkers
from origin.storage.library import Library
from origin.stores.open_store import StoreLocations
from origin.uploads.locations import LocationRules, allowed_file, check_location
from origin.uploads.spool import Spool
from origin.uploads.tus_protocol import Creation
from origin.uploads.upload_routes import UploadRoutes
from origin.uploads.upload_rows import Upload, UploadRows
from origin.uploads.upload_service import UploadLimits, UploadService
from rpc.supervised import TaskSupervisor
from system.clock import sleep
from system.database.database import Database

log = structlog.get_logger("origin")

RETRY_SECONDS = 2.0
OPEN_SECONDS = 20.0
IDLE_EXIT = 60.0
"""A worker process without work for so long ends; the next job starts one."""


def default_data(store: StoreAddress) -> Path:
    """The default data folder: next to a store's folder."""
    if store.folder is None:
        return Path(".matinee/jobs").absolute()
    return store.folder.absolute().with_name(store.folder.absolute().name + "-jobs")


class IngestApp:
    """The service. Raises BadSettings for settings that cannot be."""

    def __init__(self, settings: JobSettings, stores: StoreLocations, library: Library, clock: Clock) -> None:
        self._settings = settings
        self._stores = stores
        self._library = library
        self._clock = clock
        self.data = (settings.data or default_data(stores.store)).absolute()
        self._is_open = False
        self._locked: int | None = None
        self._api_key = read_api_key(settings.api_key_file)
        password = settings.database_password_file
        self._database = Database(job_database(settings.database, password, self.data), MIGRATIONS, "jobs")
        self._spool, self.folders = Spool(self.data / "uploads"), JobFolders(self.data / "work")
        self.home = read_home(self.data)
        self.stopping = asyncio.Event()
        rules = QueueRules(lease=settings.lease, home=self.home)
        self.queue, self.views = JobQueue(self._database, rules), JobViews(self._database)
        self._rows = UploadRows(self._database, self.home)
        self._locations = LocationRules(
            tuple(folder.absolute() for folder in settings.ingest_folders),
            settings.ingest_hosts,
            settings.ingest_buckets,
            settings.ingest_networks,
        )
        self._service = IngestService(self._parts())
        limits = UploadLimits(settings.ingest_max_size, settings.max_uploads, settings.upload_ttl)
        self._uploads = UploadService(self._rows, self._spool, limits, clock, self._complete, self._service.end_upload)
        keep = KeepTimes(settings.stuck_after, settings.jobs_keep, settings.failed_keep)
        silent = settings.adopt_after if self._database.is_shared else 0.0
        neighbours = Neighbours(Homes(self._database, self.home, PLANNED), silent, self._can_fetch)
        self.upkeep = Upkeep(self.queue, self.views, self._uploads, self.folders, self.home, neighbours, keep, clock)
        self.workers = LocalWorkers(
            self._worker_options, settings.workers, clock,
            lambda: self.views.count_ready(self.home), lambda name: self.queue.count_lost(name, clock.wall()),
        )  # fmt: skip
        self._supervised = TaskSupervisor(clock.mono, self._pause, self.counts.count_task_failure)
        work = WorkParts(self.queue, self.views, self._rows, self._spool, self.folders, clock)
        self._work_routes = WorkRoutes(work)

    @property
    def counts(self) -> IngestCounts:
        """For the origin's metrics."""
        return self.upkeep.counts

    def _parts(self) -> IngestParts:
        settings = self._settings
        return IngestParts(
            database=self._database,
            queue=self.queue,
            views=self.views,
            uploads=self._rows,
            locations=self._locations,
            clock=self._clock,
            find_published=self._find_published,
            steering=settings.steering or "",
        )

    def _can_fetch(self, location: str) -> bool:
        """Whether the film of another origin's job can be read from here."""
        try:
            checked = check_location(location, self._locations)
            return "://" in checked or allowed_file(checked, self._locations).is_file()
        except BadRequest:
            return False

    async def _find_published(self, content_id: str) -> KeptMaster | None:
        title = await self._library.title(content_id)
        if title is None:
            return None
        return KeptMaster(title.title, title.source if len(title.source) == 64 else "", bool(title.withdrawn))

    def add_to(self, app: web.Application) -> None:
        """Add `/content/*`."""
        door = ApiDoor(self._api_key, lambda: self._is_open)
        events = JobEvents(self.views, job_fields, self._clock, self.stopping)
        UploadRoutes(self._uploads, self._purpose).add_to(app, door.wrap)
        self._work_routes.add_to(app, door)
        withdrawals = Withdrawals(self._library, self._announcer(), self._clock)
        ContentRoutes(self._service, self.views, events, withdrawals, self._clock).add_to(app, door)

    def _announcer(self) -> Announcer:
        settings = self._settings
        return Announcer(
            settings.announce_catalogue, settings.key_server_key_file, settings.announce_control,
            settings.announce_control_key_file, settings.push_region, settings.push_segments,
        )  # fmt: skip

    async def _purpose(self, creation: Creation) -> tuple[str, str | None, str | None]:
        """What a new upload is for: a worker's result, else a film."""
        lease = creation.metadata.get("lease")
        if lease is not None:
            upload_id, job_id = await self._work_routes.name_upload(lease)
            return upload_id, None, job_id
        upload_id, content_id = await self._service.name_upload(creation)
        return upload_id, content_id, None

    async def _complete(self, upload: Upload) -> None:
        if upload.content_id is None:
            return
        try:
            await self._service.start_uploaded(upload)
        except Overloaded as error:  # the film is on disk: upkeep hands it over once jobs have ended
            log.warning("upload-waits", upload=upload.upload_id, error=str(error))

    async def run(self) -> None:
        """Open the queue, then look after it until `stopping` is set. A task that fails is restarted."""
        while not self.stopping.is_set() and not await self.try_open():
            await sleep(self._clock, RETRY_SECONDS)
        async with asyncio.TaskGroup() as group:
            for name, work in (("upkeep", partial(self.upkeep.run, self.stopping)), ("workers", self._run_workers)):
                group.create_task(self._supervised.run_task(name, partial(self._run_unless_stopping, work)))

    async def _run_unless_stopping(self, work: Callable[[], Awaitable[None]]) -> None:
        # A task that fails at the stop itself is not restarted: its restarts would keep the origin from ending.
        if not self.stopping.is_set():
            await work()

    async def _pause(self, seconds: float) -> None:
        """Wait before a restart; a stop ends it."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self.stopping.wait()

    async def try_open(self) -> bool:
        """Open the queue unless it is open; False, and a line in the log, if that fails. Raises BadSettings."""
        try:
            async with asyncio.timeout(OPEN_SECONDS):
                if not self._is_open:
                    await self.open()
        except (StorageFailed, TimeoutError) as error:
            log.error("ingest-not-open", error=str(error) or "timeout")  # noqa: TRY400 (it names the database)
            return False
        except BadSettings:
            raise
        except Exception:  # a bug of ours must not keep the origin from serving viewers
            self.counts.count_task_failure("open")
            log.exception("ingest-not-open")
            return False
        return True

    async def open(self) -> None:
        """Open the database and put in order what a kill left. Raises StorageFailed."""
        self._locked = self._locked or lock_data(self.data)
        await self._database.open()
        try:
            lost = await self.queue.count_lost_at_home(self._clock.wall())
            if lost:
                log.info("steps-lost", steps=lost)
            await self._uploads.recover()
        except BaseException:
            # The next attempt opens the database again: without this, each failed one would leave its connections.
            await self._database.close()
            raise
        self._is_open = True

    async def _run_workers(self) -> None:
        try:
            while not self.stopping.is_set():
                try:
                    await self.workers.run(self.stopping)
                except StorageFailed as error:
                    log.warning("queue-away", error=str(error))
                    await sleep(self._clock, RETRY_SECONDS)
        finally:
            await self.workers.stop()

    async def close(self) -> None:
        """Close the database."""
        self._is_open = False
        await self._database.close()
        if self._locked is not None:
            os.close(self._locked)
            self._locked = None

    def _worker_options(self, worker: str) -> WorkerOptions:
        settings = self._settings
        return WorkerOptions(
            parent=os.getpid(),
            worker=worker,
            home=self.home,
            data=str(self.data),
            stores=self._stores.to_texts(),
            database=settings.database,
            database_password_file=_text(settings.database_password_file),
            threads=settings.encoder_threads,
            lease=settings.lease,
            idle_exit=IDLE_EXIT,
            folders=tuple(str(path.absolute()) for path in settings.ingest_folders),
            hosts=settings.ingest_hosts,
            buckets=settings.ingest_buckets,
            networks=tuple(str(network) for network in settings.ingest_networks),
            max_size=settings.ingest_max_size,
            masters=settings.masters,
            preset=settings.ingest_preset,
            rungs=settings.ingest_rungs,
            limits=film_limits(settings),
            key_server=settings.key_server,
            key_server_key_file=str(settings.key_server_key_file.absolute()),
            announce_catalogue=settings.announce_catalogue,
            announce_control=settings.announce_control,
            announce_control_key_file=_text(settings.announce_control_key_file),
            push_region=settings.push_region,
            push_segments=settings.push_segments,
            ffmpeg=settings.ffmpeg,
            ffprobe=settings.ffprobe,
            packager=settings.packager,
        )


def _text(path: Path | None) -> str | None:
    return str(path.absolute()) if path is not None else None
