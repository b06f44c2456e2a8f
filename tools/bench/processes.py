"""Servers started for a benchmark: one core of their own, CPU read from outside, ended by pid."""

from __future__ import annotations

import contextlib
import fcntl
import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from kernel.errors import MatineeError

START_WITHIN = 20.0
STOP_WITHIN = 10.0
PAUSE = 0.02


class BenchFailed(MatineeError):
    """A server did not start, or did not answer as it must: figures from it would mean nothing."""


def cpu_seconds(pid: int) -> float:
    """CPU seconds that the process has used so far, all its threads, user and system.

    The same count as utime + stime of /proc/PID/stat, in nanoseconds in place of ticks of 10 ms: Linux gives each
    process a clock (`clock_getcpuclockid(3)`), numbered by the pid's complement. BenchFailed when it is gone.
    """
    try:
        return time.clock_gettime((~pid << 3) | 2)
    except OSError:
        raise BenchFailed(f"process {pid} ended while it was measured") from None


def tree(pid: int, parents: Mapping[int, int] | None = None) -> tuple[int, ...]:
    """The process and all its descendants. `parents` maps pid to its parent's (default: what /proc says)."""
    parents = _parents() if parents is None else parents
    found = [pid]
    for ancestor in found:
        found.extend(child for child, parent in parents.items() if parent == ancestor and child not in found)
    return tuple(found)


def _parents() -> dict[int, int]:
    parents = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                # The name in brackets may hold anything, so count from its end.
                parents[int(entry.name)] = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
    return parents


def workers_of(pid: int, title: str) -> tuple[int, ...]:
    """The descendants of `pid` whose command line begins with `title` (`nginx: worker process`)."""
    named = []
    for child in tree(pid)[1:]:
        with contextlib.suppress(OSError):
            if (Path("/proc") / str(child) / "cmdline").read_bytes().startswith(title.encode()):
                named.append(child)
    return tuple(named)


def cores() -> tuple[int, int] | None:
    """(the servers' core, the viewers' core); None on a machine where they must share."""
    allowed = sorted(os.sched_getaffinity(0))
    return (allowed[0], allowed[-1]) if len(allowed) > 1 else None


@contextlib.contextmanager
def alone(lock: Path) -> Iterator[bool]:
    """Whether no other benchmark runs on this machine; for the length of the block none will be told so."""
    with lock.open("a") as held:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
            only = True
        except BlockingIOError:
            only = False
        yield only


@contextlib.contextmanager
def on_core(core: int | None) -> Iterator[None]:
    """Processes started within stay on `core` (None: wherever the kernel puts them)."""
    before = os.sched_getaffinity(0)
    if core is not None:
        os.sched_setaffinity(0, {core})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def free_port() -> int:
    """A TCP port of loopback that nobody listens on just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextlib.contextmanager
def started(
    arguments: Sequence[str], *, port: int, log: Path, core: int | None = None, folder: Path | None = None
) -> Iterator[int]:
    """Run a server until the block ends; yields its pid once `port` of loopback answers.

    It runs in `folder` (default: here). What it prints goes to `log`; BenchFailed tells the last lines of that when it
    does not come up.
    """
    with log.open("wb") as out, on_core(core):
        process = subprocess.Popen(
            arguments, stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True, cwd=folder
        )
    try:
        _wait_for(process, port, log)
        yield process.pid
    finally:
        _stop(process)


def _wait_for(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.monotonic() + START_WITHIN
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise BenchFailed(f"it stopped at once: {_last_lines(log)}")
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(PAUSE)
    raise BenchFailed(f"nothing listens on port {port} after {START_WITHIN:g} s: {_last_lines(log)}")


def _last_lines(log: Path, count: int = 5) -> str:
    lines = log.read_text(errors="replace").splitlines()[-count:]
    return "\n".join(lines) or "it said nothing"


def _stop(process: subprocess.Popen[bytes]) -> None:
    """SIGTERM, then SIGKILL for it and for whatever of its tree is left."""
    family = tree(process.pid)
    with contextlib.suppress(ProcessLookupError):
        process.send_signal(signal.SIGTERM)
    try:
        process.wait(STOP_WITHIN)
    except subprocess.TimeoutExpired:
        for pid in family:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        process.wait()
