"""A worker process of an origin: `python -m origin.jobs.work.worker_process`, told what to do on standard input.

The kernel kills it when its origin dies (PR_SET_PDEATHSIG, prctl(2)): the next start of the origin counts its steps as
lost at once.
"""

from __future__ import annotations

import asyncio
import ctypes
import os
import signal
import sys
from pathlib import Path

import msgspec
import structlog

from httpd.process import begin_process
from kernel.errors import BadSettings, StorageFailed
from origin.jobs.job_settings import WorkerOptions, job_database
from origin.jobs.queue import JobQueue, QueueRules
from origin.jobs.schema import MIGRATIONS
from origin.jobs.work.local_runner import open_runner
from origin.jobs.work.local_source import LocalSource
from origin.jobs.work.work_signal import POLL_SECONDS, WorkSignal
from origin.jobs.work.worker import Worker
from system.clock import SystemClock
from system.database.database import Database
from system.json_log import log_json_lines
from system.process_exit import leave

log = structlog.get_logger("origin")

_PR_SET_PDEATHSIG = 1
MAX_OPTIONS = 1 << 20


def main() -> int:
    """Work until there is nothing to do, SIGTERM, or the origin's death; returns the exit code."""
    begin_process()
    log_json_lines()
    options = msgspec.json.decode(sys.stdin.buffer.readline(MAX_OPTIONS), type=WorkerOptions)
    if not die_with(options.parent):
        return 1
    try:
        with asyncio.Runner() as runner:
            runner.run(_work(options))
    except (BadSettings, StorageFailed) as error:
        log.error("worker-failed", worker=options.worker, error=str(error))  # noqa: TRY400 (the message says it)
        return 1
    return 0


async def _work(options: WorkerOptions) -> None:
    stopping = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    clock = SystemClock()
    password = Path(options.database_password_file) if options.database_password_file else None
    database = Database(job_database(options.database, password, Path(options.data)), MIGRATIONS, "jobs")
    await database.open()
    signals = WorkSignal(database)
    wait = (lambda: signals.wait(POLL_SECONDS)) if database.is_shared else None
    try:
        queue = JobQueue(database, QueueRules(lease=options.lease, home=options.home))
        source = LocalSource(queue, options.worker, options.home, clock)
        await Worker(source, open_runner(options, os.environ), clock, stopping, options.idle_exit, wait).run()
    finally:
        await signals.close()
        await database.close()


def die_with(parent: int) -> bool:
    """Make the kernel kill this process when its parent dies; False if that has happened already."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)
    return os.getppid() == parent


if __name__ == "__main__":
    leave(main())
