"""`matinee origin`: serve the library until SIGTERM or SIGINT."""

from __future__ import annotations

import asyncio
import os

import structlog
import uvloop

from httpd.door import Door
from httpd.process import begin_process
from kernel.errors import BadSettings, StorageFailed
from kernel.settings.door_settings import limits_of
from kernel.signals import hold_signals, install_signals
from origin.app import build_app
from origin.counters import Counts
from origin.ingest.command import default_work_dir
from origin.ingest.work_dir import WorkDir
from origin.jobs.service.ingest_app import IngestApp
from origin.serve.access_log import AccessLog
from origin.settings import OriginSettings
from origin.storage.blocking_library import BlockingLibrary
from origin.storage.library import Library
from origin.stores.open_store import locations_of, open_stores
from origin.upkeep.cooling import Mover, WantedRenditions
from origin.upkeep.plays import Plays
from origin.upkeep.policy import policy_of
from origin.upkeep.upkeep import Upkeep
from system.clock import SystemClock, utc_timestamp
from system.json_log import log_json_lines
from system.workers import run_alongside

log = structlog.get_logger("origin")

SETTINGS = OriginSettings
_FLUSH_EVERY = 1.0


def run(settings: OriginSettings) -> int:
    """Serve until SIGTERM or SIGINT; returns once running responses have ended."""
    hold_signals()
    begin_process()
    log_json_lines()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve(settings))
    return 0


async def _serve(settings: OriginSettings) -> None:
    counts, wanted = Counts(), WantedRenditions()
    stores = open_stores(settings, os.environ, counts.store_events(wanted.want))
    mover = Mover(stores, stores.cold, wanted) if stores.cold is not None else None
    upkeep = Upkeep(stores, policy_of(settings), SystemClock(), Plays(), mover)
    counts.upkeep = upkeep.counts
    library = BlockingLibrary(stores.store)
    work_dir = WorkDir(settings.work_dir or default_work_dir(settings.store))
    await asyncio.to_thread(work_dir.sweep, lambda content_id: _sweep(library, content_id))
    access_log = AccessLog(settings.access_log, lambda: utc_timestamp(SystemClock.wall()))
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    install_signals(
        loop.add_signal_handler,
        stop=stopping.set,
        reload=lambda: _reopen(access_log),
        reopen_logs=lambda: _reopen(access_log),
        unsupported=lambda name: log.warning("signal-not-supported", signal=name),
    )
    ingest = IngestApp(settings, locations_of(settings), Library(stores.store), SystemClock())
    counts.ingest = ingest.counts
    app = build_app(
        settings, stores.store, access_log, stopping, counts,
        upkeep.note_play, ingest,
    )  # fmt: skip
    door = Door(app, limits_of(settings), settings.drain)
    async with run_alongside(upkeep.run()):
        await _serve_until(door, settings, access_log, stopping, ingest)
    await upkeep.stop()


async def _serve_until(
    door: Door, settings: OriginSettings, access_log: AccessLog, stopping: asyncio.Event, ingest: IngestApp
) -> None:
    try:
        await ingest.try_open()
        address = await door.open(settings.listen)
        print(f"ready origin http://{address}", flush=True)
        async with asyncio.TaskGroup() as group:
            looking = group.create_task(ingest.run())
            await _flush_until(stopping, access_log)
            door.stop_listening()
            ingest.stopping.set()
            await looking
    finally:
        await door.close()
        await ingest.close()
        access_log.close()


async def _flush_until(stopping: asyncio.Event, access_log: AccessLog) -> None:
    while not stopping.is_set():
        try:
            await asyncio.wait_for(stopping.wait(), _FLUSH_EVERY)
        except TimeoutError:
            access_log.flush()


def _reopen(access_log: AccessLog) -> None:
    """Reopen the log after a rotation; if that fails, keep the old file."""
    try:
        access_log.reopen()
    except BadSettings as error:
        log.error("reopen-failed", error=str(error))  # noqa: TRY400 (no trace is wanted)


def _sweep(library: BlockingLibrary, content_id: str) -> None:
    """Delete what a killed ingest left; an unreadable title does not keep the others from being served."""
    try:
        swept = library.sweep(content_id)
    except StorageFailed as error:
        log.warning("sweep-failed", content_id=content_id, error=str(error))
    else:
        if swept:
            log.info("swept", content_id=content_id, files=swept)
