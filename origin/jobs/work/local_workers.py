"""Worker processes of an origin: started while there is work, replaced when they die, ended with the origin.

A process of its own, so that neither a crash nor the CPU of an ingest reaches the viewers that the origin serves.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Awaitable, Callable
from secrets import token_hex

import msgspec
import structlog

from kernel.clock import Clock
from origin.jobs.job_settings import WorkerOptions
from system.clock import sleep

log = structlog.get_logger("origin")

MODULE = "origin.jobs.work.worker_process"
PYTHON_OPTIONS = ("-P",)
"""No module of the folder that the origin was started in is imported in place of ours."""
LOOK_SECONDS = 0.5
MAX_PAUSE = 30.0
"""Between starts of workers that die at once."""
STOP_SECONDS = 10.0


class LocalWorkers:
    """At most `count` processes. `lost` is called with the name of one that has ended; `waiting` counts ready steps."""

    def __init__(
        self,
        options: Callable[[str], WorkerOptions],
        count: int,
        clock: Clock,
        waiting: Callable[[], Awaitable[int]],
        lost: Callable[[str], Awaitable[object]],
    ) -> None:
        self._options = options
        self._count = count
        self.clock = clock
        self._waiting = waiting
        self._lost = lost
        self._running: dict[str, asyncio.subprocess.Process] = {}
        self._failures = 0
        self._not_before = 0.0

    @property
    def pids(self) -> dict[str, int]:
        """The processes by worker name."""
        return {name: process.pid for name, process in self._running.items()}

    async def collect_and_start(self) -> None:
        """Collect what has ended; start a worker if there is work for one more. Raises StorageFailed."""
        for name, process in list(self._running.items()):
            if process.returncode is not None:
                del self._running[name]
                await self._collect(name, process.returncode)
        if len(self._running) >= self._count or self.clock.mono() < self._not_before:
            return
        if await self._waiting() > len(self._running):
            await self._start()

    async def _collect(self, name: str, status: int) -> None:
        if status == 0:
            self._failures = 0
        else:
            self._failures += 1
            self._not_before = self.clock.mono() + min(MAX_PAUSE, 0.25 * 2 ** min(self._failures, 10))
        (log.info if status == 0 else log.warning)("worker-ended", worker=name, status=status)
        await self._lost(name)

    async def _start(self) -> None:
        options = self._options(f"worker-{token_hex(4)}")
        process = await asyncio.create_subprocess_exec(
            sys.executable, *PYTHON_OPTIONS, "-m", MODULE, stdin=asyncio.subprocess.PIPE, start_new_session=True
        )
        self._running[options.worker] = process
        log.info("worker-started", worker=options.worker, pid=process.pid)
        assert process.stdin is not None  # noqa: S101 (a pipe)
        process.stdin.write(msgspec.json.encode(options) + b"\n")

    async def run(self, stopping: asyncio.Event) -> None:
        """Look after the workers until the origin stops."""
        while not stopping.is_set():
            await self.collect_and_start()
            await sleep(self.clock, LOOK_SECONDS)

    async def stop(self) -> None:
        """Let the workers give their steps back; kill what is left."""
        for process in self._running.values():
            _signal(process, signal.SIGTERM)
        try:
            async with asyncio.timeout(STOP_SECONDS):
                for process in self._running.values():
                    await process.wait()
        except TimeoutError:
            for process in self._running.values():
                _signal(process, signal.SIGKILL)
                await process.wait()
        self._running.clear()


def _signal(process: asyncio.subprocess.Process, number: signal.Signals) -> None:
    if process.returncode is None:
        os.kill(process.pid, number)
