"""Services that take in events and are killed in the middle of it, again and again; then the lake is counted.

Each event has a session and a number of its own. What was acknowledged must be in the lake once; what was on its way at
a kill may be there, but not twice.
"""

from __future__ import annotations

import asyncio
import os
import random
import signal
import socket
import sys
from collections import Counter
from pathlib import Path

import aiohttp

from kernel.settings.table import resolve
from services import compact_command
from services.analytics.lake.lake_files import parse_key, visible_files
from services.analytics.lake.lake_store import FolderLake
from services.analytics.lake.parquet_rows import decode_parquet
from services.compact_command import CompactSettings

BATCH = 20
CLIENTS = 4
MAX_BATCHES_A_LIFE = 60
START_SECONDS = 90.0


class AnalyticsRun:
    """One run; `faults` says what went wrong, `log` what was done."""

    def __init__(self, folder: Path, kills: int, seed: int) -> None:
        self.folder = folder
        self.kills = kills
        self.draw = random.Random(seed)
        self.acknowledged: set[tuple[str, int]] = set()
        self.unknown: set[tuple[str, int]] = set()
        self.faults: list[str] = []
        self.log: list[str] = []
        self._numbers = iter(range(10**9))
        self._acks = asyncio.Semaphore(0)

    async def play(self) -> None:
        """Kill as often as said, then finish, and count."""
        for life in range(self.kills):
            await self._live_and_die(life)
        settings = resolve(CompactSettings, flags={"data": [str(self.folder)]})
        await asyncio.to_thread(compact_command.compact, settings, _Wall())
        self.count()

    async def _live_and_die(self, life: int) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tools.cli", "services", "--only", "events,analytics", "--insecure-dev", "on",
            "--listen", f"127.0.0.1:{port}", "--data", str(self.folder), "--lake-flush", "1s",
            stdout=asyncio.subprocess.PIPE, stderr=(self.folder.parent / "services.log").open("ab"),
            env=os.environ | {"PYTHONUNBUFFERED": "1"},
        )  # fmt: skip
        try:
            assert process.stdout is not None
            async with asyncio.timeout(START_SECONDS):
                if b"ready" not in await process.stdout.readline():
                    self.faults.append(f"life {life}: the services did not start")
                    return
            wanted = self.draw.randint(1, MAX_BATCHES_A_LIFE)
            async with asyncio.TaskGroup() as group, aiohttp.ClientSession() as session:
                clients = [group.create_task(self._report(session, port)) for _ in range(CLIENTS)]
                for _ in range(wanted):
                    await self._acks.acquire()
                process.send_signal(signal.SIGKILL)
                await process.wait()
                await asyncio.wait(clients)
            self.log.append(f"life {life}: killed after {wanted} batches")
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()

    async def _report(self, session: aiohttp.ClientSession, port: int) -> None:
        """Send batches until the server is gone."""
        while True:
            number = next(self._numbers)
            events = {(f"s{number % 50}", number * BATCH + at) for at in range(BATCH)}
            body = "\n".join(
                f'cid="film",e=t,sid="{sid}",sn={sn},sta=p,ts={1_800_000_000_000 + sn}' for sid, sn in events
            )
            try:
                async with session.post(
                    f"http://127.0.0.1:{port}/events/cmcd", data=body, headers={"Content-Type": "application/cmcd"}
                ) as answer:
                    if answer.status == 202:
                        self.acknowledged |= events
                        self._acks.release()
                        continue
                    self.unknown |= events
            except (aiohttp.ClientError, OSError):
                self.unknown |= events
                return

    def count(self) -> None:
        """Compare what was acknowledged with what is in the lake."""
        lake = FolderLake(self.folder / "lake")
        files = [one for one in map(parse_key, lake.list()) if one is not None and one.partition.kind == "cmcd"]
        found = Counter(
            (row["session"], row["sequence"])
            for one in visible_files(files)
            for row in decode_parquet(lake.get(one.key)).to_pylist()
        )
        lost = self.acknowledged - found.keys()
        doubled = [event for event, times in found.items() if times > 1]
        foreign = found.keys() - self.acknowledged - self.unknown
        if lost or doubled or foreign:
            self.faults.append(f"{len(lost)} lost, {len(doubled)} twice, {len(foreign)} that nobody sent")
        self.log.append(
            f"{len(self.acknowledged)} events acknowledged, {len(found)} in {len(files)} files of the lake, "
            f"{len(self.unknown & found.keys())} of {len(self.unknown)} that were on their way at a kill"
        )


class _Wall:
    """The time by which the last flush closes every view."""

    def wall(self) -> float:
        return 1_900_000_000.0
