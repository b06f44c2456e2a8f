"""The supervisor of a node, over real processes; that it starts them again is in test_node.py."""

import asyncio
import signal
import socket
import subprocess
import sys
from pathlib import Path

from edge.node.processes.supervisor import Supervisor

ROOT = Path(__file__).resolve().parents[3]


def test_a_node_that_cannot_start_says_why_and_ends_with_its_code(tmp_path):
    """It would start a process again and again that can never serve."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        argv = ["--workers", "2", "--listen", "127.0.0.1:0", "--admin", f"127.0.0.1:{taken.getsockname()[1]}"]
        argv += ["--upstream", "http://127.0.0.1:1", "--tokens", "off", "--drain", "0s", "--id", "cannot-start"]
        command = [sys.executable, "-P", "-m", "tools.cli", "edge", *argv]
        ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 2
    assert "admin" in ended.stderr
    assert ended.stdout == ""


def test_a_node_that_is_stopped_while_it_starts_leaves_no_process(tmp_path, monkeypatch):
    """The one that was being started got no signal, and the others were started all the same."""
    begun, gate = asyncio.Event(), asyncio.Event()

    class Process:
        returncode = None

        def __init__(self):
            self.signals = []

        def send_signal(self, number):
            self.signals.append(number)

        async def wait(self):
            return -self.signals[0]

    made = []

    async def create(*argv, **options):
        made.append(Process())
        begun.set()
        await gate.wait()
        return made[-1]

    async def run():
        supervisor = Supervisor(2, tmp_path, tmp_path, [], 0, 0.0)
        async with asyncio.TaskGroup() as tasks:
            started = tasks.create_task(supervisor.start())
            await begun.wait()
            supervisor.stop()
            gate.set()
        assert started.result() is None
        assert await supervisor.wait_ended() == 0

    monkeypatch.setattr(asyncio, "create_subprocess_exec", create)
    asyncio.run(run())
    assert [process.signals for process in made] == [[signal.SIGTERM]]
