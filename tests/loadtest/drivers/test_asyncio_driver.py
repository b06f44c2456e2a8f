import pytest
from aiohttp import web

from loadtest.player.settings import PlayerSettings
from loadtest.session import (
    EndReason,
    NetworkProfile,
    RateStep,
    RequestKind,
    Tier,
    Viewer,
)
from tests.loadtest.playing import FILM, MASTER, play
from tests.loadtest.serving import serving
from tests.loadtest.simulated import hls_title


async def test_viewers_watch_a_film_from_a_server():
    async with serving(FILM) as server:
        viewers = [Viewer(number, server.url + MASTER, arrival_s=number) for number in range(5)]
        records, driver = await play(*viewers)
    assert [record.end for record in records] == [EndReason.WATCHED] * 5
    assert all(record.played_s == pytest.approx(20.0) for record in records)
    assert driver.objects == len({request.path for request in server.asked})
    segments = [key for key in records[0].requests if key.kind is RequestKind.SEGMENT]
    assert {(key.outcome, key.tier, key.node) for key in segments} == {(200, Tier.EDGE, "e1")}
    sent = sum(FILM[request.path] for request in server.asked if request.path.endswith(".m4s"))
    assert sum(t.bytes for r in records for k, t in r.requests.items() if k.kind is RequestKind.SEGMENT) == sent
    connections = {request.transport.get_extra_info("peername") for request in server.asked if request.transport}
    assert len(connections) <= 2 * 5, "connections are kept"


async def test_the_run_ends_with_its_time():
    async with serving(FILM) as server:
        viewers = [Viewer(1, server.url + MASTER), Viewer(2, server.url + MASTER, arrival_s=9_999)]
        (record,), _ = await play(*viewers, seconds=0.3, speed=1.0)
    assert record.end is EndReason.RUN_ENDED


async def test_a_limited_line_is_not_exceeded():
    """3 Mbit/s of a fixed rung over a line of 1 Mbit/s: what arrives is what the line carries."""
    line = NetworkProfile("slow", (RateStep(60, 1e6),), 0.02)
    async with serving(hls_title(seconds=20, ladder={720: 3_000_000}, audio=False)) as server:
        (record,), _ = await play(Viewer(1, server.url + MASTER, network=line), seconds=1.5, speed=20.0)
    received = sum(totals.bytes for totals in record.requests.values())
    assert received <= 1e6 / 8 * 20 * 3.5
    assert record.startup_s > 4 * 3 / 1 * 0.9, "a segment of 4 s takes 12 s"


async def test_the_gateway_is_told_and_guests_get_their_cookie():
    held = FILM | {"/playback/heartbeat": {}, "/playback/stop": {}, "/events/cmcd": b"", "/": b"page"}

    async def answer(request):
        if request.path == "/":
            return web.Response(body=b"page", headers={"Set-Cookie": "guest=g1; HttpOnly"})
        if request.path == "/playback/start":
            if request.headers.get("Cookie") != "guest=g1":
                return web.Response(status=401)
            url = f"http://{request.host}{MASTER}"
            return web.json_response({"streamUrl": url, "sessionId": "s", "contentId": "t", "heartbeatInterval": 5})
        return None

    async with serving(held, answer) as server:
        settings = PlayerSettings(gateway=server.url, sends_events=True)
        (record,), _ = await play(Viewer(1, "t"), settings=settings)
    assert record.end is EndReason.WATCHED
    paths = [path for path, _ in server.posted]
    assert set(paths) == {"/playback/heartbeat", "/playback/stop", "/events/cmcd"}
    assert all(request.headers.get("Cookie") == "guest=g1" for request in server.asked if request.method == "POST")
