"""`matinee origin worker`: encode steps of an origin's jobs on this host; film and results travel by HTTP."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
from dataclasses import dataclass
from pathlib import Path
from secrets import token_hex
from urllib.parse import urlsplit

import aiohttp
import msgspec
import structlog

from httpd.process import begin_process
from kernel.errors import BadSettings
from kernel.http.door_rules import is_loopback
from kernel.settings.table import DURATION, INTEGER, PATH, TEXT, URL, setting
from origin.encode.plan import EncodePlan
from origin.ingest.subprocesses import find_programs
from origin.jobs.job_graph import REMOTE_KINDS
from origin.jobs.records import Lease
from origin.jobs.service.api_door import read_api_key
from origin.jobs.work.encode_steps import EncodeTools, run_encode_step
from origin.jobs.work.job_folder import JobFolders
from origin.jobs.work.remote_source import RemoteSource
from origin.jobs.work.step_outcome import Report, StepOutcome
from origin.jobs.work.worker import Worker
from system.clock import SystemClock
from system.json_log import log_json_lines

log = structlog.get_logger("origin")


@dataclass(frozen=True)
class WorkerSettings:
    """`matinee origin worker`."""

    origin: str | None = setting(URL, None, "The origin whose jobs to work for; must be given.")
    api_key_file: Path | None = setting(PATH, None, "File with the origin's API key; not set: none is sent.")
    work_dir: Path | None = setting(PATH, None, "Folder for films and results; not set: .matinee/worker.")
    encoder_threads: int = setting(
        INTEGER, "0", "Threads of one encoder; 0: as many as there are CPUs.", least=0, most=256
    )
    idle_exit: float = setting(DURATION, "0s", "Stop after so long without work; 0: never.", least=0)
    ffmpeg: str | None = setting(TEXT, None, "The ffmpeg to run; not set: the packaged one, otherwise that on PATH.")
    ffprobe: str | None = setting(TEXT, None, "The ffprobe to run; not set: the packaged one, otherwise that on PATH.")
    packager: str | None = setting(
        TEXT, None, "The Shaka packager to run; not set: the packaged one, otherwise that on PATH."
    )


SETTINGS = WorkerSettings


@dataclass(frozen=True)
class RemoteRunner:
    """A `StepRunner` for the steps that need the film and the plan only."""

    folders: JobFolders
    tools: EncodeTools

    def run(self, lease: Lease, report: Report) -> StepOutcome:
        """Encode; the files are delivered by the source."""
        folder, plan = self.folders.of(lease.job_id), msgspec.json.decode(lease.plan, type=EncodePlan)
        film = folder.path / "film"
        return StepOutcome(files=run_encode_step(self.tools, plan, lease.step, film, folder.encoded, report))


def run(settings: WorkerSettings) -> int:
    """Work until SIGTERM or SIGINT. Raises BadSettings."""
    if settings.origin is None:
        raise BadSettings("origin", "is missing: the address of the origin to work for")
    key = read_api_key(settings.api_key_file)
    parts = urlsplit(settings.origin)
    if key and parts.scheme != "https" and not is_loopback(parts.hostname or ""):
        log.warning("key-unencrypted", origin=settings.origin, why="the API key travels over http")
    begin_process()
    log_json_lines()
    with asyncio.Runner() as runner:
        runner.run(_work(settings, settings.origin, key))
    return 0


async def _work(settings: WorkerSettings, origin: str, key: str | None) -> None:
    stopping = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    programs = find_programs(
        settings.ffmpeg or os.environ.get("FFMPEG"),
        settings.ffprobe or os.environ.get("FFPROBE"),
        settings.packager or os.environ.get("PACKAGER"),
    )
    # A folder of its own: two workers of a host never write the same file.
    name = f"{socket.gethostname()[:60]}-{token_hex(4)}"
    root = (settings.work_dir or Path(".matinee/worker")) / name
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    async with aiohttp.ClientSession(headers=headers) as session:
        folders = JobFolders(root)
        source = RemoteSource(session, origin, name, socket.gethostname()[:90], REMOTE_KINDS, folders)
        runner = RemoteRunner(folders, EncodeTools(programs, settings.encoder_threads))
        print(f"ready worker {name} for {origin}", flush=True)
        try:
            await Worker(source, runner, SystemClock(), stopping, settings.idle_exit or None).run()
        finally:
            folders.delete_others(())
            root.rmdir()
