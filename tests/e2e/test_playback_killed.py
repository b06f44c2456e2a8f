"""kill -9 of the services under load: no position and no end of a session that was acknowledged is lost."""

import asyncio
import random
import subprocess
import sys
from pathlib import Path

import aiohttp

from services.catalogue.store import CatalogueStore
from services.catalogue.title import Playable, Title
from services.catalogue.title_line import ImportedTitle
from services.playback.sessions.session import EndReason
from services.playback.sessions.store import PlaybackStore
from system.database.engine import DatabaseAddress

ROOT = Path(__file__).parents[2]
SESSIONS = 8
KILLS = 3


async def publish(data):
    store = CatalogueStore(DatabaseAddress(data / "catalogue.sqlite3"))
    await store.open()
    film = Title("film", "A film", playable=Playable(duration=5400.0, streams={"hls": "master.m3u8"}))
    await store.import_titles([ImportedTitle(film, licence_given=True)], 1_800_000_000.0)
    await store.close()


def start_services(data):
    command = [
        sys.executable, "-P", "-m", "tools.cli", "services", "--listen", "127.0.0.1:0", "--data", str(data), "--only",
        "playback", "--edges", "http://127.0.0.1:1", "--insecure-dev",
    ]  # fmt: skip
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, cwd=ROOT)


async def play_until_killed(process, base, acknowledged, ended, kill_after):
    """Play and end sessions at once; after `kill_after` answers the process is killed amid the others' requests."""
    answers = 0

    async def ask(http, method, path, body=None):
        nonlocal answers
        async with http.request(method, path, json=body) as answer:
            assert answer.status == 200
            found = await answer.json()
        answers += 1
        if answers == kill_after:
            process.kill()
        return found

    async def play(http, number):
        started = await ask(http, "GET", f"/playback/start?contentId=film&device=d{number}")
        session, position = started["sessionId"], 0.0
        while True:
            position += 1.0
            await ask(http, "POST", "/playback/heartbeat", {"sessionId": session, "currentPosition": position})
            acknowledged[session] = position
            if position == 25.0:
                await ask(http, "DELETE", f"/playback/sessions/{session}")
                ended.add(session)
                return

    async with aiohttp.ClientSession(base) as http:
        await asyncio.gather(*(play(http, number) for number in range(SESSIONS)), return_exceptions=True)


async def test_nothing_that_was_acknowledged_is_lost(tmp_path):
    chance = random.Random(1)
    (tmp_path / "data").mkdir(mode=0o700)
    await publish(tmp_path / "data")
    acknowledged, ended = {}, set()
    for _ in range(KILLS):
        process = start_services(tmp_path / "data")
        try:
            words = (await asyncio.to_thread(process.stdout.readline)).split()
            await play_until_killed(process, words[2], acknowledged, ended, chance.randrange(20, 220))
        finally:
            process.kill()
            process.wait()
            process.stdout.close()
    store = PlaybackStore(DatabaseAddress(tmp_path / "data" / "playback.sqlite3"), 1_000, 30.0)
    await store.open()
    kept = {name: await store.get(name) for name in acknowledged}
    revoked = {one.session_id for one in await store.pending_revocations(1_000)}
    await store.close()
    assert acknowledged
    assert {name: at for name, at in acknowledged.items() if kept[name].position < at} == {}
    assert {name for name in ended if kept[name].ended is not EndReason.REVOKED} == set()
    assert ended <= revoked
