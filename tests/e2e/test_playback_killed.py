"""kill -9 of the services under load: nothing that was acknowledged is lost.

Not a sign-up, not a refresh token, not a position, not the end of a session; and what a disabled account plays ends
even where the kill came between the two.
"""

import asyncio
import random
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp

from services.catalogue.store import CatalogueStore
from services.catalogue.title import Playable, Title
from services.catalogue.title_line import ImportedTitle
from services.playback.sessions.session import EndReason
from services.playback.sessions.store import PlaybackStore
from services.users.store.user_store import UserStore
from system.database.engine import DatabaseAddress

ROOT = Path(__file__).parents[2]
SESSIONS, PEOPLE = 6, 2
KILLS = 3
PASSWORD = "correct horse"


@dataclass
class Acknowledged:
    """What the services have said is done."""

    positions: dict = field(default_factory=dict)
    ended: set = field(default_factory=set)
    accounts: dict = field(default_factory=dict)
    """Account ids by address."""
    refresh_tokens: dict = field(default_factory=dict)
    """By account; those are left out that were being used when the services were killed."""
    playing: dict = field(default_factory=dict)
    """The session of each account."""


async def publish(data):
    store = CatalogueStore(DatabaseAddress(data / "catalogue.sqlite3"))
    await store.open()
    film = Title("film", "A film", playable=Playable(duration=5400.0, streams={"hls": "master.m3u8"}))
    await store.import_titles([ImportedTitle(film, licence_given=True)], 1_800_000_000.0)
    await store.close()


def start_services(data):
    command = [
        sys.executable, "-P", "-m", "tools.cli", "services", "--listen", "127.0.0.1:0", "--data", str(data), "--only",
        "playback", "--only", "users", "--edges", "http://127.0.0.1:1", "--insecure-dev",
    ]  # fmt: skip
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, cwd=ROOT)


class Load:
    """Requests at once, until the services are killed amid them after `kill_after` answers (0 = never)."""

    def __init__(self, http, process, done, kill_after=0):
        self.http = http
        self.process = process
        self.done = done
        self.kill_after = kill_after
        self.answers = 0

    async def ask(self, method, path, body=None, token=None):
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        async with self.http.request(method, path, json=body, headers=headers) as answer:
            found = await answer.json()
            assert answer.status in (200, 201), found
        self.answers += 1
        if self.answers == self.kill_after:
            self.process.kill()
        return found

    async def play(self, number):
        """An operator watches, and ends the session."""
        started = await self.ask("GET", f"/playback/start?contentId=film&device=d{number}")
        session, position = started["sessionId"], 0.0
        while True:
            position += 1.0
            await self.ask("POST", "/playback/heartbeat", {"sessionId": session, "currentPosition": position})
            self.done.positions[session] = position
            if position == 25.0:
                await self.ask("DELETE", f"/playback/sessions/{session}")
                self.done.ended.add(session)
                return

    async def live(self):
        """Somebody signs up, plays, stays logged in, and every second one is disabled; then the next one."""
        while True:
            email = f"p{len(self.done.accounts)}-{random.getrandbits(40):x}@example.org"
            tokens = await self.ask("POST", "/accounts", {"email": email, "password": PASSWORD})
            account = self.done.accounts[email] = tokens["accountId"]
            self.done.refresh_tokens[account] = tokens["refreshToken"]
            started = await self.ask("GET", "/playback/start?contentId=film", token=tokens["accessToken"])
            self.done.playing[account] = started["sessionId"]
            for _ in range(3):
                old = self.done.refresh_tokens.pop(account)
                tokens = await self.ask("POST", "/auth/refresh", {"refreshToken": old})
                self.done.refresh_tokens[account] = tokens["refreshToken"]
            if len(self.done.accounts) % 2:
                del self.done.refresh_tokens[account]
                await self.ask("PUT", f"/accounts/{account}/disabled", {"disabled": True})
                self.done.ended.add(started["sessionId"])


async def run_services(data, work):
    process = start_services(data)
    try:
        words = (await asyncio.to_thread(process.stdout.readline)).split()
        async with aiohttp.ClientSession(words[2]) as http:
            await work(http, process)
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


async def test_nothing_that_was_acknowledged_is_lost(tmp_path):
    chance = random.Random(1)
    data = tmp_path / "data"
    data.mkdir(mode=0o700)
    await publish(data)
    done = Acknowledged()

    async def until_killed(http, process):
        load = Load(http, process, done, chance.randrange(40, 220))
        people = (load.live() for _ in range(PEOPLE))
        await asyncio.gather(*(load.play(number) for number in range(SESSIONS)), *people, return_exceptions=True)

    async def check(http, process):
        load = Load(http, process, done)
        for token in done.refresh_tokens.values():
            await load.ask("POST", "/auth/refresh", {"refreshToken": token})
        store = UserStore(DatabaseAddress(data / "users.sqlite3"), b"")
        await store.open()
        for email, account in done.accounts.items():
            assert (await store.accounts.get_account(account)).email == email
        email, account = next((one, name) for one, name in done.accounts.items() if name in done.refresh_tokens)
        log_in = {"email": email, "password": PASSWORD}
        assert (await load.ask("POST", "/auth/login", log_in))["accountId"] == account
        async with asyncio.timeout(20):
            while await store.erasures.pending_ends(1):
                await asyncio.sleep(0.05)
        disabled = {name for name in done.playing if (await store.accounts.get_account(name)).disabled}
        await store.close()
        assert {name for name in disabled if not await has_ended(data, done.playing[name])} == set()

    for _ in range(KILLS):
        await run_services(data, until_killed)
    await run_services(data, check)
    store = await open_sessions(data)
    kept = {name: await store.get(name) for name in done.positions}
    revoked = {one.session_id for one in await store.pending_revocations(1_000)}
    await store.close()
    assert done.positions
    assert done.ended
    assert {name: at for name, at in done.positions.items() if kept[name].position < at} == {}
    assert {name for name in done.ended & kept.keys() if kept[name].ended is not EndReason.REVOKED} == set()
    assert done.ended <= revoked


async def open_sessions(data):
    store = PlaybackStore(DatabaseAddress(data / "playback.sqlite3"), 1_000, 30.0)
    await store.open()
    return store


async def has_ended(data, session):
    store = await open_sessions(data)
    found = await store.get(session)
    await store.close()
    return found.ended is not None
