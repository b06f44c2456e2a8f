"""A new version takes over: no refused connection, no cut response."""

from __future__ import annotations

import asyncio
import contextlib
import os
import select
import signal
import socket
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Self

import pytest

from edge.node.processes.takeover import (
    RETRY_SECONDS,
    VARIABLE,
    Predecessor,
    Takeover,
    successor_environment,
    takeover_of,
)
from edge.tasks import TaskOwner
from tests.doubles.clock import FakeClock
from tests.edge.node.node_process import Talk, node_process, until
from tests.edge.process import SECONDS, Upstream

LONG = 2_000_000


def test_a_successor_inherits_and_its_children_do_not() -> None:
    takeover = Takeover((5, 6), 7, 9081)
    environment = successor_environment({"PATH": "/bin", "MTN_NODE_PLACE": "of the predecessor"}, takeover)
    assert set(environment) == {"PATH", VARIABLE}
    assert takeover_of(environment) == takeover
    assert takeover_of(environment) is None


class FakeProcess:
    """A successor that has the folder released, and ends before it is ready."""

    pid = 1

    def __init__(self, env: dict[str, str]) -> None:
        takeover = takeover_of(env)
        assert takeover is not None
        with socket.socket(fileno=os.dup(takeover.channel)) as channel:
            channel.sendall(b'{"release": true}\n')

    def wait(self) -> int:
        return 1


def test_one_successor_at_a_time_and_another_one_until_one_serves(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two signals started two, for one cache folder; and one that could not be started was the last."""
    started = 0

    def popen(argv: object, env: dict[str, str], **_: object) -> FakeProcess:
        nonlocal started
        started += 1
        if started == 2:
            raise OSError("no memory")
        return FakeProcess(env)

    async def nothing() -> None:
        pass

    async def run() -> None:
        clock, tasks = FakeClock(), TaskOwner(lambda error: None)
        predecessor = Predecessor(lambda: ((), 0), nothing, lambda: None, tasks, clock)
        predecessor.start_successor()
        predecessor.start_successor()
        for number in (1, 2, 3):
            async with asyncio.timeout(SECONDS):
                while not clock.waiting:
                    await asyncio.sleep(0)
            assert started == number
            clock.move(RETRY_SECONDS)
        await tasks.stop(0.0)

    monkeypatch.setattr(subprocess, "Popen", popen)
    asyncio.run(run())


class Load:
    """Viewers that connect anew and again, each with one request."""

    def __init__(self, address: tuple[str, int]) -> None:
        self.address, self.answered, self.failed = address, 0, list[BaseException]()
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._run) for _ in range(3)]

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                with socket.create_connection(self.address, SECONDS) as sock:
                    assert Talk(sock, 0).gets("/a")[1] == b"</a>"
                self.answered += 1
            except (OSError, AssertionError) as error:
                self.failed.append(error)
            select.select([], [], [], 0.005)

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()


@contextlib.contextmanager
def ended(pid: int) -> Iterator[None]:
    """Ends the successor, which is nobody's child any more."""
    try:
        yield
    finally:
        os.kill(pid, signal.SIGTERM)
        until(lambda: not Path(f"/proc/{pid}/status").exists() or "Z" in _state(pid))


def _state(pid: int) -> str:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    return "Z"


@pytest.mark.parametrize("workers", [1, 2])
def test_no_viewer_notices_that_a_successor_takes_over(tmp_path: Path, workers: int) -> None:
    settings = {"cache_dir": tmp_path / "cache", "disk": "64MiB", "drain": "120s", "upstream_idle": "120s"}
    with Upstream() as upstream, node_process(tmp_path, upstream.port, workers, **settings) as node:
        edge = node.edge
        edge.gets("/a")
        until(lambda: edge.stats()["disk_bytes"] > 0)
        long = edge.connect()
        long.sendall(f"GET /long/{LONG} HTTP/1.1\r\nHost: h\r\n\r\n".encode())
        begun = long.recv(65536)
        with Load(edge.address) as load:
            until(lambda: load.answered > 10)
            edge.process.send_signal(signal.SIGUSR2)
            ready = edge.next_line(90)
            assert ready.split()[2:] == edge.ready_line.split()[2:], "other addresses"
            successor = int(next(line["pid"] for line in edge.lines() if line["event"] == "successor-started"))
            with ended(successor):
                before = load.answered
                until(lambda: load.answered > before + 10)
                upstream.gate.set()
                assert len(Talk(long, 0).answer(begun=begun)[1]) == LONG
                assert edge.process.wait(90) == 0
                assert edge.stats()["objects"] >= 1
                before = load.answered
                until(lambda: load.answered > before + 10)
                load.__exit__()
        assert load.failed == []
        assert sum(path == "/a" for _, path in upstream.heads) == 1


def test_a_successor_that_cannot_start_changes_nothing(tmp_path: Path) -> None:
    rules = tmp_path / "rules.json"
    rules.write_text("{}")
    with Upstream() as upstream, node_process(tmp_path, upstream.port, 1, rules=rules) as node:
        node.edge.gets("/a")
        rules.write_text("no JSON")
        node.edge.process.send_signal(signal.SIGUSR2)
        until(lambda: "successor-failed" in node.edge.log.read_text())
        assert b"e; hit" in node.edge.gets("/a")
        assert node.edge.is_ready()
