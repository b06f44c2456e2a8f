"""Gevent replaces the standard library's sockets, so each case runs in a process of its own."""

import asyncio
import json
import sys

from aiohttp import web

from loadtest.session import EndReason
from tests.loadtest.playing import FILM, MASTER, SEGMENT
from tests.loadtest.serving import serving

SCRIPT = """
import gevent.monkey; gevent.monkey.patch_all()
import json, sys
import gevent
from loadtest.drivers.gevent_checks import GeventBodyChecks
from loadtest.drivers.gevent_session import GeventSession
from loadtest.player.player import Player
from loadtest.player.settings import settings_of
from loadtest.session import NetworkProfile, RateStep, Viewer
case = json.loads(sys.argv[1])
line = NetworkProfile("line", (RateStep(60, case["bps"]),) if case["bps"] else (), 0.02 if case["bps"] else 0.0)
settings = settings_of(case["settings"])
players = [Player(Viewer(n, case["url"], network=line), settings, str(n)) for n in range(case["players"])]
checks = GeventBodyChecks(case["origin"]) if case["origin"] else None
sessions = [GeventSession(player, speed=case["speed"], checks=checks) for player in players]
gevent.joinall([gevent.spawn(session.play) for session in sessions], timeout=case["seconds"])
gone = [player.record for player in players]
print(json.dumps([
    {"end": r.end.value, "played": r.played_s, "startup": r.startup_s, "errors": r.errors,
     "outcomes": sorted({str(k.outcome) for k in r.requests}), "bytes": sum(t.bytes for t in r.requests.values())}
    for r in gone
]))
"""  # fmt: skip


async def play(url, *, players=1, speed=40.0, bps=0.0, seconds=20.0, origin="", **settings):
    case = {"url": url, "players": players, "speed": speed, "bps": bps, "seconds": seconds, "settings": settings}
    case["origin"] = origin
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", SCRIPT, json.dumps(case), stdout=asyncio.subprocess.PIPE
    )
    said, _ = await process.communicate()
    assert process.returncode == 0
    return json.loads(said)


async def test_greenlets_watch_films_from_a_server():
    async with serving(FILM) as server:
        records = await play(server.url + MASTER, players=4)
    assert [record["end"] for record in records] == [EndReason.WATCHED.value] * 4
    assert all(round(record["played"]) == 20 and record["outcomes"] == ["200"] for record in records)


async def test_what_goes_wrong_is_named_and_redirects_are_followed():
    broken = []

    async def answer(request):
        if request.path == "/go":
            return web.Response(status=307, headers={"Location": MASTER})
        if request.path == SEGMENT and not broken:
            broken.append(1)
            response = web.StreamResponse(headers={"Content-Length": "200000"})
            await response.prepare(request)
            await response.write(b"x" * 1000)
            request.transport.abort()
            return response
        return None

    async with serving(FILM, answer) as server:
        (record,) = await play(server.url + "/go", abr="fixed:1", retry_delay_s=0.1)
    assert record["end"] == EndReason.WATCHED.value
    assert record["outcomes"] == ["200", "truncated"]
    (record,) = await play("http://127.0.0.1:1/x.m3u8", max_failures=2, retry_delay_s=0.1)
    assert (record["end"], record["outcomes"]) == (EndReason.START_FAILED.value, ["connect"])


async def test_a_limited_line_is_not_exceeded():
    async with serving(FILM) as server:
        (record,) = await play(server.url + MASTER, bps=1e6, abr="fixed:9e9", speed=20.0)
    assert record["end"] == EndReason.WATCHED.value
    assert record["startup"] > 5.0, "4 s of 1.5 Mbit/s take 6 s"
