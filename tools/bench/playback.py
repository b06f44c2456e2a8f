"""CPU of the services for a start of playback and for a heartbeat, with a platform's number of accounts and titles."""

from __future__ import annotations

import asyncio
import json
import random
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import aiohttp
from rich.table import Table
from sqlalchemy import insert

from kernel.auth.signing_keys import SigningKey, generate_ed25519_pem
from kernel.vocabulary import Tier
from services.catalogue.store import CatalogueStore
from services.catalogue.title import Playable, Rendition, Title
from services.catalogue.title_line import ImportedTitle
from services.users.access_token import AccessClaims, AccessTokens
from services.users.store import schema
from services.users.store.user_store import MIGRATIONS
from system.clock import SystemClock
from system.database.database import Database
from system.database.engine import DatabaseAddress
from system.durable_files import create_file
from system.workers import run_workers
from tools.bench.processes import BenchFailed, cores, cpu_seconds, free_port, started

ROOT = Path(__file__).parents[2]
ROWS = 100_000
STARTS, HEARTBEATS = 2_000, 20_000
AT_ONCE = 64
"""Heartbeats that wait for an answer at a time."""
MAX_START_MS = 10.0
MIN_HEARTBEATS = 2_000.0
IMPORTED_AT_ONCE = 2_000


@dataclass(frozen=True, slots=True)
class PlaybackFigures:
    """CPU milliseconds of a start, and heartbeats that one core takes in a second."""

    rows: int
    start_median_ms: float
    start_p99_ms: float
    heartbeats_per_second: float

    @property
    def missed(self) -> list[str]:
        """The missed targets, as sentences."""
        found = []
        if self.start_p99_ms >= MAX_START_MS:
            found.append(f"playback: a start takes {self.start_p99_ms:.1f} ms at the 99th percentile, target 10 ms")
        if self.heartbeats_per_second < MIN_HEARTBEATS:
            found.append(f"playback: {self.heartbeats_per_second:,.0f} heartbeats a second, target 2,000")
        return found


def measure(rows: int, starts: int, heartbeats: int, tell: Callable[[str], object]) -> PlaybackFigures:
    """Fill the databases with `rows` accounts and titles, and measure the services over HTTP. Raises BenchFailed."""
    with tempfile.TemporaryDirectory(prefix="matinee-bench-") as made:
        folder, port = Path(made), free_port()
        tell(f"playback: filling in {rows:,} accounts and titles")
        (folder / "data").mkdir(mode=0o700)
        tokens = asyncio.run(_fill(folder / "data", rows))
        program = [
            sys.executable, "-m", "tools.cli", "services", "--listen", f"127.0.0.1:{port}", "--data",
            str(folder / "data"), "--only", "playback", "--edges", "http://127.0.0.1:1", "--max-sessions", "1000000",
        ]  # fmt: skip
        core, _ = cores() or (None, None)
        with started(program, port=port, log=folder / "log", core=core, folder=ROOT) as pid:
            tell(f"playback: {starts:,} starts, {heartbeats:,} heartbeats")
            return asyncio.run(_measure(port, pid, rows, starts, heartbeats, tokens))


async def _fill(data: Path, rows: int) -> AccessTokens:
    pem = generate_ed25519_pem()
    create_file(data / "accounts.pem", pem)
    now = SystemClock().wall()
    playable = Playable(
        published="2026-11-22T00:00:00Z", duration=5400.0, renditions=(Rendition("v720", 720, 720, 2_000_000),),
        streams={"hls": "master.m3u8", "dash": "manifest.mpd"},
    )  # fmt: skip
    catalogue = CatalogueStore(DatabaseAddress(data / "catalogue.sqlite3"))
    await catalogue.open()
    for first in range(0, rows, IMPORTED_AT_ONCE):
        numbers = range(first, min(rows, first + IMPORTED_AT_ONCE))
        titles = [Title(f"t-{number}", f"Film {number}", playable=playable) for number in numbers]
        await catalogue.import_titles([ImportedTitle(one, licence_given=True) for one in titles], now)
    await catalogue.close()
    await _fill_accounts(DatabaseAddress(data / "users.sqlite3"), rows, now)
    return AccessTokens(SigningKey.from_pem(pem))


async def _fill_accounts(address: DatabaseAddress, rows: int, now: float) -> None:
    users = Database(address, MIGRATIONS, "users")
    await users.open()
    account = {"password": "", "tier": Tier.HD.value, "streams": 2, "created": now, "disabled": 0}
    profile = {"number": 1, "name": "Viewer", "kids": 0, "language": "", "subtitles": "", "data_saver": 0, "consent": 1}
    device = {"name": "TV", "created": now, "seen": now}
    named = [(f"a-{number:024x}", f"p-{number:024x}", f"d-{number}") for number in range(rows)]
    async with users.write() as connection:
        values = [{"account_id": a, "email_lookup": a, "email": a} | account for a, _, _ in named]
        await connection.execute(insert(schema.accounts), values)
        values = [{"account_id": a, "profile_id": p} | profile for a, p, _ in named]
        await connection.execute(insert(schema.profiles), values)
        values = [{"account_id": a, "device_id": d} | device for a, _, d in named]
        await connection.execute(insert(schema.devices), values)
    await users.close()


async def _measure(
    port: int, pid: int, rows: int, starts: int, heartbeats: int, tokens: AccessTokens
) -> PlaybackFigures:
    chance = random.Random(1)  # noqa: S311 (the same order on every run)
    chosen = [chance.randrange(rows) for _ in range(starts)]
    now = SystemClock().wall()

    def headers(number: int) -> dict[str, str]:
        claims = AccessClaims(f"a-{number:024x}", (f"p-{number:024x}",), f"d-{number}", f"f-{number}", now, now + 900)
        return {"Authorization": f"Bearer {tokens.mint(claims)}"}

    async with aiohttp.ClientSession(f"http://127.0.0.1:{port}", connector=aiohttp.TCPConnector(limit=AT_ONCE)) as http:
        took, sessions = [], []
        for number in chosen:
            head, before = headers(number), cpu_seconds(pid)
            path = f"/playback/start?contentId=t-{chance.randrange(rows)}"
            sessions.append((await _ask(http, "GET", path, head, None))["sessionId"])
            took.append((cpu_seconds(pid) - before) * 1e3)
        # Of two starts on one device the later one plays.
        newest = dict(zip(chosen, sessions, strict=True))
        playing = [(headers(number), session) for number, session in newest.items()]
        before = cpu_seconds(pid)
        await _beat(http, playing, heartbeats)
        per_second = heartbeats / (cpu_seconds(pid) - before)
    took.sort()
    return PlaybackFigures(rows, took[len(took) // 2], took[int(len(took) * 0.99)], per_second)


async def _beat(http: aiohttp.ClientSession, playing: list[tuple[dict[str, str], str]], heartbeats: int) -> None:
    numbers = iter(range(heartbeats))

    async def beat() -> None:
        for number in numbers:
            head, session = playing[number % len(playing)]
            body = {"sessionId": session, "currentPosition": number / 100}
            await _ask(http, "POST", "/playback/heartbeat", head, body)

    await run_workers(beat, AT_ONCE)


async def _ask(
    http: aiohttp.ClientSession, method: str, path: str, head: dict[str, str], body: dict[str, object] | None
) -> dict[str, str]:
    async with http.request(method, path, headers=head, json=body) as answer:
        data = await answer.read()
        if answer.status != 200:
            raise BenchFailed(f"{path} answered {answer.status}: {data[:200]!r}")
        found: dict[str, str] = json.loads(data)
        return found


def table(figures: PlaybackFigures) -> Table:
    """The figures as a table."""
    made = Table("", "measured", "target", title=f"Playback with {figures.rows:,} accounts and titles, SQLite")
    made.add_row("CPU of a start, median", f"{figures.start_median_ms:.2f} ms", "")
    made.add_row("CPU of a start, 99 %", f"{figures.start_p99_ms:.2f} ms", f"< {MAX_START_MS:g} ms")
    made.add_row(
        "heartbeats a second on one core", f"{figures.heartbeats_per_second:,.0f}", f">= {MIN_HEARTBEATS:,.0f}"
    )
    return made
