"""Every program's HTTP door as a real process, spoken to in raw bytes."""

from __future__ import annotations

import contextlib
import json
import re
import resource
import select
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.doubles.response import receive_response

ROOT = Path(__file__).resolve().parents[2]
SECONDS = 60.0
"""Bound of every wait: a test that needs it has failed."""
PROGRAMS = ("edge", "shield", "origin", "control", "services")
PROBE = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"


def until(condition: Callable[[], object]) -> object:
    """Poll until the condition holds; what it returned."""
    deadline = time.monotonic() + SECONDS
    while not (found := condition()):
        assert time.monotonic() < deadline, "it did not come about"
        select.select([], [], [], 0.02)
    return found


class Process:
    """One program, and where its door for operators or services is."""

    def __init__(self, program: str, folder: Path, more: dict[str, str], descriptors: int | None) -> None:
        self.program = program
        self.folder = folder
        self.log = folder / "stderr"
        argv = [sys.executable, "-P", "-m", "tools.cli", program]
        for name, value in (_settings(program, folder) | more).items():
            argv += [f"--{name.replace('_', '-')}", value]
        if descriptors is not None:
            argv = ["/bin/sh", "-c", f'ulimit -n {descriptors} && exec "$@"', "sh", *argv]
        with self.log.open("ab") as errors:
            self.process = subprocess.Popen(argv, cwd=ROOT, stdout=subprocess.PIPE, stderr=errors)
        assert self.process.stdout is not None
        ready, _, _ = select.select([self.process.stdout], [], [], SECONDS)
        self.ready = self.process.stdout.readline().decode() if ready else ""
        door = re.findall(r"http://127\.0\.0\.1:(\d+)", self.ready)
        assert door, self.log.read_text()
        self.address = ("127.0.0.1", int(door[-1]))

    def connect(self) -> socket.socket:
        return socket.create_connection(self.address, timeout=SECONDS)

    def says(self, request: bytes) -> tuple[int, bytes]:
        """(status, body) of one answer."""
        with self.connect() as sock:
            sock.sendall(request)
            return answer_of(sock)

    def asks(self, method: str, path: str, body: bytes = b"", **fields: str) -> tuple[int, dict]:
        """(status, JSON); `fields` with `_` for `-`. Host is the door's own unless it is given."""
        given = {"Host": f"127.0.0.1:{self.address[1]}"} | {k.replace("_", "-"): v for k, v in fields.items()}
        lines = "".join(f"{name}: {value}\r\n" for name, value in given.items())
        head = f"{method} {path} HTTP/1.1\r\n{lines}Content-Length: {len(body)}\r\n\r\n"
        status, text = self.says(head.encode() + body)
        return status, json.loads(text) if text.startswith(b"{") else {}

    def limit_descriptors(self, most: int) -> None:
        resource.prlimit(self.process.pid, resource.RLIMIT_NOFILE, (most, 4096))

    def descriptors(self) -> int:
        return len(list(Path(f"/proc/{self.process.pid}/fd").iterdir()))


def answer_of(sock: socket.socket) -> tuple[int, bytes]:
    """(status, body) of what comes next; (0, b"") when the connection ends first."""
    response = receive_response(sock)
    return response.status, response.body


def ended(sock: socket.socket) -> bool:
    """Whether the other side has closed."""
    readable, _, _ = select.select([sock], [], [], 0)
    if not readable:
        return False
    try:
        return not sock.recv(1 << 16)
    except ConnectionResetError:
        return True


def _settings(program: str, folder: Path) -> dict[str, str]:
    free = "127.0.0.1:0"
    match program:
        case "edge" | "shield":
            own = {"listen": free, "admin": free, "upstream": "http://127.0.0.1:9", "ram": "16MiB", "tokens": "off"}
            return own | {"drain": "1s", "cache_dir": str(folder / "cache")}
        case "origin":
            return {"listen": free, "store": str(folder / "store"), "drain": "1s"}
        case "control":
            return {"listen": free, "admin": free, "data": str(folder / "control"), "drain": "1s"}
        case _:
            return {"listen": free, "data": str(folder / "services"), "insecure_dev": "on", "drain": "1s"}


@contextlib.contextmanager
def process(program: str, folder: Path, descriptors: int | None = None, **settings: str) -> Iterator[Process]:
    """The program, up; ended afterwards. `descriptors`: as many as it may have."""
    started = Process(program, folder, settings, descriptors)
    try:
        yield started
    finally:
        started.process.kill()
        started.process.wait()
        assert started.process.stdout is not None
        started.process.stdout.close()
