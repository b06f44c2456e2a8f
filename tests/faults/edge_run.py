"""Faults of one real edge under load: damaged files, kill -9, reloads, a full disk, I/O errors. Every byte is checked.

An object's bytes follow from its path, so a wrong byte is seen wherever it comes from. An answer that breaks off is no
wrong answer; where nothing may break off, that counts too.
"""

from __future__ import annotations

import contextlib
import functools
import http.client
import os
import random
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any, Self

from tests.edge.process import SECONDS, EdgeProcess, Upstream, edge_process, until
from tools.bench.processes import cpu_seconds

HERE = Path(__file__).parent
VIEWERS = 4
SIZES = (300, 20_000, 70_000, 200_000)
"""Bytes of objects: of some that RAM holds as bytes, and of some that are sent from files."""


@functools.lru_cache(maxsize=4096)
def body_of(path: str) -> bytes:
    """The bytes of an object, the same whenever they are asked for."""
    source = random.Random(path)
    return source.randbytes(source.choice(SIZES))


def answer(to: BaseHTTPRequestHandler) -> None:
    """What the origin says."""
    body = body_of(to.path)
    to.send_response(200)
    to.send_header("Cache-Control", "public, max-age=3600")
    to.send_header("Content-Length", str(len(body)))
    to.end_headers()
    to.wfile.write(body)


@dataclass
class Result:
    """What a run of one fault saw: complete answers, how many of them had a wrong byte or status, how many broke off,
    and the seconds and CPU seconds of each start."""

    fault: str
    times: int = 0
    answers: int = 0
    wrong: list[str] = field(default_factory=list)
    broken: int = 0
    starts: list[float] = field(default_factory=list)
    start_cpu: list[float] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    may_break: bool = False

    @property
    def is_right(self) -> bool:
        return bool(self.answers) and not self.wrong and (self.may_break or not self.broken)


class Viewers:
    """Ask for random objects until told to stop, and check every byte."""

    def __init__(self, edge: EdgeProcess, paths: list[str], result: Result, seed: int) -> None:
        self._edge, self._paths, self._result = edge, paths, result
        self._over = threading.Event()
        self._lock = threading.Lock()
        self._threads = [threading.Thread(target=self._ask, args=(seed * 100 + n,)) for n in range(VIEWERS)]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()

    def _ask(self, seed: int) -> None:
        choose = random.Random(seed)
        while not self._over.is_set():
            with contextlib.closing(http.client.HTTPConnection(*self._edge.address, timeout=SECONDS)) as connection:
                while not self._over.is_set() and self.get(connection, choose.choice(self._paths)):
                    pass
            if self._edge.process.poll() is not None or self._over.wait(0.02):
                return

    def get(self, connection: http.client.HTTPConnection, path: str) -> bool:
        """Whether the connection may be used again."""
        result = self._result
        try:
            connection.request("GET", path, headers={"Host": "films.example"})
            response = connection.getresponse()
            body = response.read()
        except (OSError, http.client.HTTPException):
            with self._lock:
                result.broken += 1
            return False
        with self._lock:
            result.answers += 1
            if (response.status, body) != (200, body_of(path)):
                result.wrong.append(f"{path}: {response.status}, {len(body)} bytes, {response.headers}")
        return not response.will_close


class EdgeRun:
    """Each method plays one fault and returns what it saw."""

    def __init__(self, folder: Path, seed: int = 1, objects: int = 200) -> None:
        self._folder, self._seed = folder, seed
        self._paths = [f"/{number}" for number in range(objects)]
        self._random = random.Random(seed)

    @contextlib.contextmanager
    def _edge(
        self, result: Result, environment: dict[str, str] | None = None, **settings: Any
    ) -> Iterator[EdgeProcess]:
        with Upstream(answer) as upstream:
            began = time.monotonic()
            given = {"cache_dir": self._folder / "cache", "disk": "512MiB", "ram": "4MiB"} | settings
            with edge_process(self._folder, upstream.port, environment=environment, **given) as edge:
                result.starts.append(time.monotonic() - began)
                result.start_cpu.append(cpu_seconds(edge.process.pid))
                yield edge

    def _ask_each(self, edge: EdgeProcess, result: Result) -> None:
        viewers = Viewers(edge, [], result, 0)
        with contextlib.closing(http.client.HTTPConnection(*edge.address, timeout=SECONDS)) as connection:
            for path in self._paths:
                viewers.get(connection, path)

    def _files(self) -> list[Path]:
        return sorted((self._folder / "cache" / "objects").glob("*/*"))

    def damaged_files(self) -> Result:
        """Damage every file of a cache in one of six ways, and start again on it."""
        result = Result("damaged cache files")
        with self._edge(result) as edge:
            self._ask_each(edge, result)
            until(lambda: len(self._files()) == len(self._paths))
        intact = {file: file.read_bytes() for file in self._files()}
        for file in intact:
            file.write_bytes(damaged(file, intact, self._random))
        result.times = len(intact)
        with self._edge(result) as edge:
            for _ in range(2):
                self._ask_each(edge, result)
            result.notes.append(f"{disk_errors(edge, 'damaged')} found by checksum")
        return result

    def kills(self, times: int, most: int = 60) -> Result:
        """kill -9 after up to `most` answers, again and again, always on the same folder."""
        result = Result("kill -9 under load", times, may_break=True)
        for number in range(times):
            with self._edge(result) as edge, Viewers(edge, self._paths, result, self._seed + number) as _:
                asked, wait = result.answers, self._random.randrange(most)
                until(lambda asked=asked, wait=wait: result.answers >= asked + wait)  # type: ignore[misc]
                edge.process.kill()
                edge.process.wait()
        return result

    def reloads(self, times: int) -> Result:
        """SIGHUP under load."""
        result = Result("reloads under load", times)
        with self._edge(result) as edge, Viewers(edge, self._paths, result, self._seed):
            for _ in range(times):
                asked = result.answers
                edge.process.send_signal(signal.SIGHUP)
                until(lambda asked=asked: result.answers >= asked + VIEWERS)  # type: ignore[misc]
        return result

    def full_disk(self, answers: int) -> Result | None:
        """A disk that is full before the tier's budget is used. None where no tmpfs can be mounted."""
        result = Result("disk full", 1)
        with small_disk(self._folder / "full", "3m") as disk:
            if disk is None:
                return None
            with self._edge(result, cache_dir=disk / "cache") as edge:
                with Viewers(edge, self._paths, result, self._seed):
                    until(lambda: result.answers >= answers)
                result.notes.append(f"{disk_errors(edge, 'full')} writes met a full disk")
        return result

    def io_errors(self, answers: int) -> Result | None:
        """A disk whose every call fails with EIO for a while, then works again. None where there is no C compiler."""
        result, aside = Result("EIO from every call, on and off", 4), self._folder / "aside"
        aside.mkdir(exist_ok=True)
        if (library := preload(aside)) is None:
            return None
        flag = aside / "flag"
        faults = {"LD_PRELOAD": str(library), "FAULT_FOLDER": str(self._folder / "cache"), "FAULT_FLAG": str(flag)}
        with self._edge(result, os.environ | faults) as edge, Viewers(edge, self._paths, result, self._seed):
            for number in range(2 * result.times):
                flag.unlink(missing_ok=True) if number % 2 else flag.touch()
                until(lambda number=number: result.answers >= (number + 1) * answers)  # type: ignore[misc]
            result.notes.append(f"{disk_errors(edge, 'failed')} reads and writes failed")
        return result


def disk_errors(edge: EdgeProcess, kind: str) -> int:
    """Errors of the disk tier of one kind, as the metric counts them."""
    return int(edge.metric(f'matinee_cache_disk_errors_total{{kind="{kind}"}}'))


# -- what breaks ------------------------------------------------------------------------------------------------------


def flip(data: bytes, source: random.Random) -> bytes:
    """One bit is another."""
    changed = bytearray(data)
    changed[source.randrange(len(data))] ^= 1 << source.randrange(8)
    return bytes(changed)


DAMAGES: dict[str, Callable[[bytes, random.Random], bytes]] = {
    "bit": flip,
    "cut": lambda data, source: data[: source.randrange(len(data))],
    "longer": lambda data, source: data + source.randbytes(100),
    "zeros": lambda data, source: bytes(min(4096, len(data))) + data[4096:],
    "junk": lambda data, source: source.randbytes(len(data)),
}


def damaged(file: Path, intact: Mapping[Path, bytes], source: random.Random) -> bytes:
    """Other bytes for a file. Once in a while they are another object's, whole and with valid checksums."""
    if source.random() < 0.15:
        return intact[source.choice([other for other in intact if other != file])]
    return DAMAGES[source.choice(sorted(DAMAGES))](intact[file], source)


@contextlib.contextmanager
def small_disk(folder: Path, size: str) -> Iterator[Path | None]:
    """A tmpfs of this size; None where we may not mount one."""
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)]
    program = shutil.which("mount")
    if program is None or subprocess.run(command, capture_output=True, check=False).returncode:
        yield None
        return
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def preload(folder: Path) -> Path | None:
    """The library of `eio.c`, compiled; None without a compiler."""
    compiler, library = shutil.which("gcc") or shutil.which("cc"), folder / "eio.so"
    if compiler is None:
        return None
    subprocess.run([compiler, "-shared", "-fPIC", "-O1", "-o", library, HERE / "eio.c", "-ldl"], check=True)
    return library


def scratch() -> tempfile.TemporaryDirectory[str]:
    """A folder for one fault."""
    return tempfile.TemporaryDirectory(prefix="matinee-faults-")
