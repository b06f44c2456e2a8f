"""How much memory an edge takes under churn: resident bytes after it, less those of the empty edge that was started.

Requests for small objects, more of them than RAM takes, at random and so that some are asked for again: they are
filled, written to disk, pushed out of RAM and read again, which is what fragments a heap most. The target is the one
that docs/operating.md states.
"""

from __future__ import annotations

import os
import random
import socket
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tools.bench.peers import ROOT, TITLE
from tools.bench.processes import BenchFailed, free_port, started, tree
from tools.bench.report import MIB

BODY = 4096
RAMS = (64 * MIB, 512 * MIB, 2048 * MIB)
REQUESTS = 200_000
STALLED = 30.0
SHARE, BESIDE = 1.2, 40 * MIB
"""Growth at most: so much of `--ram`, and so much beside it."""


@dataclass(frozen=True, slots=True)
class Growth:
    """Resident bytes of an edge with so much `--ram`: empty, and after so many requests."""

    ram: int
    objects: int
    requests: int
    empty: int
    after: int

    @property
    def grown(self) -> int:
        """Bytes more than the empty edge."""
        return self.after - self.empty

    @property
    def most(self) -> int:
        """Bytes more that are allowed."""
        return int(SHARE * self.ram) + BESIDE


def growth(ram: int, requests: int, tell: Callable[[str], object]) -> Growth:
    """Measure one edge, with objects of a third more than RAM takes. BenchFailed when it does not answer."""
    objects = max(requests // 10, int(1.3 * ram / BODY))
    requests = max(requests, 3 * objects)
    with tempfile.TemporaryDirectory(prefix="matinee-bench-") as made:
        folder, port, up = Path(made), free_port(), free_port()
        origin = [sys.executable, "-m", "tools.bench.origin", str(up)]
        edge = [
            sys.executable, "-m", "tools.cli", "edge", "--id", "e1", "--listen", f"127.0.0.1:{port}", "--admin",
            "127.0.0.1:0", "--upstream", f"http://127.0.0.1:{up}", "--tokens", "off", "--geo", "off", "--access-log",
            "off", "--cache-dir", str(folder / "cache"), "--ram", f"{ram // MIB}MiB", "--disk", "16GiB",
        ]  # fmt: skip
        with (
            started(origin, port=up, log=folder / "origin.log", folder=ROOT),
            started(edge, port=port, log=folder / "edge.log", folder=ROOT) as pid,
        ):
            empty = resident(pid)
            tell(f"memory: {requests:,} requests with --ram {ram // MIB}MiB")
            ask(port, objects, requests)
            return Growth(ram, objects, requests, empty, resident(pid))


def ask(port: int, objects: int, requests: int) -> None:
    """So many requests for so many objects, at random, the same on every run. BenchFailed at an answer that is no
    whole 200."""
    chance = random.Random(1)  # noqa: S311 (an order to ask in)
    with socket.create_connection(("127.0.0.1", port), timeout=STALLED) as sock:
        for _ in range(requests):
            path = f"/cdn/eu/{TITLE}/{BODY}/{chance.randrange(objects)}.m4s"
            sock.sendall(f"GET {path} HTTP/1.1\r\nHost: bench\r\n\r\n".encode())
            _read(sock)


def _read(sock: socket.socket) -> None:
    data = b""
    while b"\r\n\r\n" not in data or len(data) < data.index(b"\r\n\r\n") + 4 + BODY:
        piece = sock.recv(65536)
        data += piece
        if not piece or not data.startswith(b"HTTP/1.1 200 "[: len(data)]):
            raise BenchFailed(f"answered {data[:60]!r}")


def resident(pid: int) -> int:
    """Bytes of memory that a process and its children hold now."""
    return sum(int(Path(f"/proc/{one}/statm").read_text().split()[1]) for one in tree(pid)) * os.sysconf("SC_PAGE_SIZE")
