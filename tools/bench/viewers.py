"""The load generator as seen from the benchmark: a process on a core of its own that takes jobs."""

from __future__ import annotations

import subprocess
import sys
from types import TracebackType
from typing import IO, Self

import msgspec

from tools.bench.load import Job, Result
from tools.bench.peers import ROOT
from tools.bench.processes import BenchFailed, on_core


class Viewers:
    """Runs `python -m tools.bench.load` for the length of a `with` block."""

    def __init__(self, core: int | None) -> None:
        self._core = core
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        command = [sys.executable, "-P", "-m", "tools.bench.load"]
        with on_core(self._core):
            self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        process = self._running()
        self._pipe(process.stdin).close()
        try:
            process.wait(1.0 if kind is None else 0.1)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        self._pipe(process.stdout).close()

    def measure(self, job: Job) -> Result:
        """Run one job to its end. BenchFailed when an answer was not what it must be."""
        process = self._running()
        asked, answers = self._pipe(process.stdin), self._pipe(process.stdout)
        asked.write(msgspec.json.encode(job) + b"\n")
        asked.flush()
        line = answers.readline()
        if not line:
            raise BenchFailed(f"the load generator ended with exit code {process.wait()}")
        told: dict[str, object] = msgspec.json.decode(line)
        if "failed" in told:
            raise BenchFailed(str(told["failed"]))
        return msgspec.convert(told, Result)

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            raise BenchFailed("the load generator was not started")
        return self._process

    @staticmethod
    def _pipe(pipe: IO[bytes] | None) -> IO[bytes]:
        if pipe is None:
            raise BenchFailed("the load generator has no pipe")
        return pipe
