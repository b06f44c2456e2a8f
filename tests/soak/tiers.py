"""The real processes: edges and shields, started, killed, stopped, asked by their admin port."""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import socket
import sys
from pathlib import Path

from tests.soak.model import Model
from tests.soak.wire import Broken, Wire

START_SECONDS = 20.0
ROOT = Path(__file__).resolve().parents[2]


def free_port() -> int:
    """A port that nobody listens on, below those that the system gives out by itself; two soaks never try the same."""
    chance = random.SystemRandom()
    while True:
        port = chance.randrange(20_000, 32_000)
        with socket.socket() as sock:
            try:
                sock.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port


class Tier:
    """One `matinee edge` or `matinee shield`. `up`: serves now."""

    def __init__(self, name: str, command: str, folder: Path, options: dict[str, str]) -> None:
        self.name = name
        self.port, self.admin_port = free_port(), free_port()
        self.folder = folder / name
        self.cache = self.folder / "cache"
        self.log = self.folder / "log"
        self.up = False
        self._process: asyncio.subprocess.Process | None = None
        options = {"cache-dir": str(self.cache), **options}
        self._arguments = [command, "--id", name, "--listen", f"127.0.0.1:{self.port}"]
        self._arguments += ["--admin", f"127.0.0.1:{self.admin_port}", "--tokens", "off"]
        self._arguments += [part for key, value in options.items() for part in (f"--{key}", value)]

    @property
    def pid(self) -> int:
        return self._process.pid if self._process is not None else 0

    async def start(self) -> None:
        """Start it; returns when it is ready, RuntimeError when it does not come up."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "tools.cli", *self._arguments,
                cwd=ROOT, stdout=asyncio.subprocess.PIPE, stderr=log, start_new_session=True,
            )  # fmt: skip
        assert self._process.stdout is not None
        try:
            line = await asyncio.wait_for(self._process.stdout.readline(), START_SECONDS)
        except TimeoutError:
            line = b""
        if not line.startswith(b"ready"):
            raise RuntimeError(f"{self.name} did not start: {line!r} {self.log.read_text()[-2000:]}")
        self.up = True

    async def kill(self) -> None:
        """kill -9."""
        self.up = False
        if self._process is not None and self._process.returncode is None:
            self._process.kill()
            await self._process.wait()

    async def stop(self, within: float = 40.0) -> int:
        """SIGTERM; the exit code, -9 when it had to be killed."""
        self.up = False
        if self._process is None:
            return 0
        if self._process.returncode is None:
            self._process.send_signal(signal.SIGTERM)
        try:
            return await asyncio.wait_for(self._process.wait(), within)
        except TimeoutError:
            await self.kill()
            return -9

    async def asks(self, method: str, path: str, body: dict[str, object] | None = None) -> dict[str, object]:
        """One request to the admin port; Broken when it is not answered 2xx."""
        wire = await Wire.to("127.0.0.1", self.admin_port)
        try:
            data = b"" if body is None else json.dumps(body).encode()
            line = f"{method} {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
            line += f"Content-Length: {len(data)}\r\n\r\n"
            wire.send(line.encode() + data)
            head = await wire.head()
            text = b"".join([piece async for piece in wire.body(head, head_only=False)])
        finally:
            wire.close()
        if head.status >= 300:
            raise Broken(f"{self.name} answered {head.status} to {path}: {text[:300]!r}")
        return dict(json.loads(text))

    def complaints(self) -> list[str]:
        """Lines of its log that no operator should ever see."""
        text = self.log.read_text(errors="replace") if self.log.exists() else ""
        bad = ("Traceback", "Bug", "never retrieved", "never awaited", "BlockingIOError", '"level": "critical"')
        return [f"{self.name} logged: {line[:1500]}" for line in text.splitlines() if any(word in line for word in bad)]

    def memory(self) -> int:
        """Resident bytes now."""
        pages = int(Path(f"/proc/{self.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")

    def descriptors(self) -> int:
        return len(list(Path(f"/proc/{self.pid}/fd").iterdir()))

    def on_disk(self) -> int:
        """Bytes in its cache folder."""
        return sum(path.stat().st_size for path in self.cache.rglob("*") if path.is_file())


class Fleet:
    """The tiers of one world: `edges` answer viewers, `inner` (a shield) answers edges."""

    def __init__(self, edges: list[Tier], inner: list[Tier], model: Model) -> None:
        self.edges = edges
        self.inner = inner
        self.model = model

    @property
    def all(self) -> list[Tier]:
        return [*self.inner, *self.edges]

    async def start(self) -> None:
        async with asyncio.TaskGroup() as group:
            for tier in self.all:
                group.create_task(tier.start())
