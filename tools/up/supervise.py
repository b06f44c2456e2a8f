"""Supervise child processes: wait until they are ready, restart them after crashes, stop them in order.

Each child leads its own session, so that Ctrl-C reaches only the supervisor. It prints one `ready …` line on stdout
once it serves; its stderr goes to a log file of bounded size.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

from kernel.errors import MatineeError
from tools.up.supervise_log import keep_bounded, rotate, tail

_LINE_LIMIT = 64 * 1024
_LOG_LIMIT = 16 << 20
_LOG_CHECK_SECONDS = 10.0
_STABLE_SECONDS = 60.0
_KILL_GRACE_SECONDS = 2.0
_OUTAGE_CHECK_SECONDS = 0.2

Say = Callable[[str], None]


class StartFailed(MatineeError):
    """A program did not start; the message contains the end of its log."""


@dataclass(frozen=True, slots=True)
class Program:
    """A program to run: its complete `argv`, and the `log` file for its stderr."""

    name: str
    argv: tuple[str, ...]
    log: Path


@dataclass(slots=True)
class _Child:
    """The current process of a program.

    `started_or_ended` is set when it prints its ready line or closes stdout; `ready_line` is the ready line, "" before;
    `crashes` counts consecutive crashes.
    """

    program: Program
    process: asyncio.subprocess.Process | None = None
    output: asyncio.ReadTransport | None = None
    started_or_ended: asyncio.Event = field(default_factory=asyncio.Event)
    ready_line: str = ""
    crashes: int = 0


def restart_delay(crashes: int) -> float:
    """Seconds to wait before a restart after `crashes` consecutive crashes: 0.5, 1, 2 … at most 30."""
    return min(0.5 * 2.0 ** (min(crashes, 10) - 1), 30.0)


class Supervisor:
    """Owns the children; leaving `async with` stops all of them.

    `drain` is how many seconds a program may take after SIGTERM before it is killed. `on_pids` gets all running
    processes whenever they change. A program for which `is_held_down` is true is not restarted until it is false.
    """

    def __init__(
        self,
        say: Say,
        *,
        drain: float,
        on_pids: Callable[[Mapping[str, int]], object] = lambda _: None,
        is_held_down: Callable[[str], bool] = lambda _: False,
    ) -> None:
        self._say = say
        self._drain = drain
        self._on_pids = on_pids
        self._is_held_down = is_held_down
        self._waves: list[list[_Child]] = []
        self._stopping = asyncio.Event()
        self._tasks = asyncio.TaskGroup()

    async def __aenter__(self) -> Self:
        await self._tasks.__aenter__()
        self._tasks.create_task(self._bound_logs_loop())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            await self._stop()
        finally:  # All tasks end once the children are stopped; this way the body's error is not wrapped in a group.
            await self._tasks.__aexit__(None, None, None)

    @property
    def pids(self) -> dict[str, int]:
        """The running processes by program name."""
        return {child.program.name: pid for child in self._children() if (pid := _running_pid(child))}

    async def start(self, programs: Sequence[Program], *, within: float) -> None:
        """Start programs concurrently; returns once all are ready. Raises StartFailed after `within` seconds."""
        wave = [_Child(program) for program in programs]
        self._waves.append(wave)
        for child in wave:
            rotate(child.program.log)
            await self._spawn(child)
        for child in wave:
            await self._await_ready(child, within)
            self._tasks.create_task(self._restart_loop(child))

    def kill(self) -> None:
        """Kill every program and its child processes at once."""
        self._stopping.set()
        for child in self._children():
            if pid := _running_pid(child):
                _kill_session(pid)

    def _children(self) -> Iterator[_Child]:
        return (child for wave in self._waves for child in wave)

    async def _spawn(self, child: _Child) -> None:
        child.started_or_ended.clear()
        child.ready_line = ""
        child.program.log.parent.mkdir(parents=True, exist_ok=True)
        log = os.open(child.program.log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        reading, writing = os.pipe()  # own pipe: with asyncio's, `wait` would block on a grandchild that keeps it open
        lines = asyncio.StreamReader(limit=_LINE_LIMIT)
        try:
            child.output, _ = await asyncio.get_running_loop().connect_read_pipe(
                lambda: asyncio.StreamReaderProtocol(lines), os.fdopen(reading, "rb", 0)
            )
            child.process = await asyncio.create_subprocess_exec(
                *child.program.argv, stdin=subprocess.DEVNULL, stdout=writing, stderr=log, start_new_session=True
            )
        except OSError as error:
            raise StartFailed(f"{child.program.name} cannot be started: {error}") from None
        finally:
            os.close(writing)
            os.close(log)
        self._tasks.create_task(self._read(child, lines))
        self._on_pids(self.pids)

    async def _read(self, child: _Child, lines: asyncio.StreamReader) -> None:
        """Watch for the ready line; copy all output to the log."""
        while True:
            try:
                line = await lines.readline()
            except ValueError:  # A line over the limit: skip it.
                continue
            if not line:
                child.started_or_ended.set()
                return
            if line.startswith(b"ready"):
                child.ready_line = line.decode(errors="replace").strip()
                child.started_or_ended.set()
            with contextlib.suppress(OSError), child.program.log.open("ab") as log:
                log.write(line)

    async def _await_ready(self, child: _Child, within: float) -> None:
        program, process = child.program, child.process
        assert process is not None  # noqa: S101 (spawned by the caller)
        why = f"was not ready within {within:g} s"
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(within):
                await child.started_or_ended.wait()
                if child.ready_line:
                    return
                why = f"stopped before it was ready ({_ending(await process.wait())})"
        raise StartFailed(f"{program.name} {why}; its log {program.log} ends:\n{tail(program.log)}")

    async def _restart_loop(self, child: _Child) -> None:
        """Restart the program whenever it ends by itself."""
        clock = asyncio.get_running_loop().time
        since = clock()
        while child.process is not None:
            code = await child.process.wait()
            if self._stopping.is_set():
                return
            _clean_up(child)
            self._on_pids(self.pids)
            child.crashes = 1 if clock() - since > _STABLE_SECONDS else child.crashes + 1
            delay = restart_delay(child.crashes)
            self._say(f"!! {child.program.name} ended unexpectedly ({_ending(code)}); restarting it in {delay:g} s")
            self._say(f"   log: {child.program.log}")
            if await self._stopping_within(delay) or await self._stopping_in_outage(child):
                return
            since = clock()
            try:
                await self._spawn(child)
            except StartFailed as error:
                self._say(f"!! {error}")
            if self._stopping.is_set():  # `_stop` ran during the restart and stopped only the previous process.
                _clean_up(child)

    async def _stopping_within(self, seconds: float) -> bool:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._stopping.wait()
        return self._stopping.is_set()

    async def _stopping_in_outage(self, child: _Child) -> bool:
        """Wait until the program is no longer held down. Returns whether the supervisor is stopping."""
        name = child.program.name
        if self._is_held_down(name):
            self._say(f"!! {name} is held down until `matinee outage {name} --end`")
        while self._is_held_down(name):
            child.crashes = 0
            if await self._stopping_within(_OUTAGE_CHECK_SECONDS):
                return True
        return False

    async def _bound_logs_loop(self) -> None:
        while not await self._stopping_within(_LOG_CHECK_SECONDS):
            for folder in {child.program.log.parent for child in self._children()}:
                for log in folder.glob("*.log"):  # the programs' own access logs too
                    keep_bounded(log, _LOG_LIMIT)

    async def _stop(self) -> None:
        """Stop the waves in reverse start order; the programs of a wave concurrently."""
        self._stopping.set()
        for wave in reversed(self._waves):
            await asyncio.gather(*(self._stop_one(child) for child in wave))
        self._on_pids({})

    async def _stop_one(self, child: _Child) -> None:
        """Send SIGTERM; after the drain time, kill the program and its child processes."""
        process = child.process
        if process is None:
            return
        if _running_pid(child):
            process.send_signal(signal.SIGTERM)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._drain + _KILL_GRACE_SECONDS):
                await process.wait()
        if process.returncode is None:
            self._say(f"!! {child.program.name} did not stop within {self._drain:g} s: killing it")
        _clean_up(child)
        await process.wait()


def _running_pid(child: _Child) -> int | None:
    """The process id; None unless the process runs."""
    return child.process.pid if child.process and child.process.returncode is None else None


def _clean_up(child: _Child) -> None:
    """Kill the remaining processes of a program, and stop reading its output."""
    if child.process:
        _kill_session(child.process.pid)
    if child.output:
        child.output.close()


def _kill_session(leader: int) -> None:
    """Kill the remaining processes of a child's process group."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(leader, signal.SIGKILL)


def _ending(code: int) -> str:
    return f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
