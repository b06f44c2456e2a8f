import asyncio

from aiohttp import web

from loadtest.drivers.asyncio_driver import AsyncioDriver
from loadtest.player.cmcd import CmcdMode
from loadtest.player.settings import PlayerSettings
from loadtest.session import (
    Device,
    EndReason,
    Failure,
    RequestKind,
    Viewer,
)
from tests.loadtest.playing import FILM, MASTER, SEGMENT, outcomes, play
from tests.loadtest.serving import serving, until


async def test_a_session_sends_its_fields_and_cmcd():
    async with serving(FILM) as server:
        viewer = Viewer(1, server.url + MASTER, device=Device(user_agent="tv/1"))
        settings = PlayerSettings(cmcd=CmcdMode.V2_HEADERS)
        await play(viewer, settings=settings, fields={"Authorization": "Bearer k"})
    assert all(request.headers["Authorization"] == "Bearer k" for request in server.asked)
    assert all(request.headers["User-Agent"] == "tv/1" for request in server.asked)
    assert any("ot=v" in request.headers.get("CMCD-Object", "") for request in server.asked)


async def test_redirects_are_followed_and_addresses_are_relative_to_the_last():
    async def answer(request):
        if request.path == "/go":
            return web.Response(status=307, headers={"Location": MASTER})
        return None

    async with serving(FILM, answer) as server:
        (record,), _ = await play(Viewer(1, server.url + "/go"))
    assert record.end is EndReason.WATCHED


async def test_a_redirect_that_leads_nowhere_is_an_error():
    async def answer(_):
        return web.Response(status=302, headers={"Location": "/again"})

    async with serving({}, answer) as server:
        (record,), _ = await play(Viewer(1, server.url + "/x.m3u8"), settings=PlayerSettings(max_failures=1))
    assert outcomes(record, RequestKind.MANIFEST) == {Failure.PROTOCOL}
    assert record.end is EndReason.START_FAILED


async def test_a_body_that_breaks_off_is_repeated():
    broken = []

    async def answer(request):
        if request.path == SEGMENT and not broken:
            broken.append(1)
            response = web.StreamResponse(headers={"Content-Length": "200000"})
            await response.prepare(request)
            await response.write(b"x" * 1000)
            request.transport.abort()
            return response
        return None

    async with serving(FILM, answer) as server:
        settings = PlayerSettings(abr="fixed:1", retry_delay_s=0.1)
        (record,), _ = await play(Viewer(1, server.url + MASTER), settings=settings)
    assert outcomes(record) == {200, Failure.TRUNCATED}
    assert (record.end, record.errors) == (EndReason.WATCHED, 1)


async def test_a_range_that_a_server_ignores_is_an_error():
    ranged = "#EXTM3U\n#EXT-X-TARGETDURATION:4\n#EXTINF:4,\n#EXT-X-BYTERANGE:100@50\nall.ts\n#EXT-X-ENDLIST"

    async def answer(request):
        return web.Response(body=b"x" * 500) if request.path == "/all.ts" else None

    async with serving({"/v.m3u8": ranged.encode(), "/all.ts": 500}, answer) as bad:
        (record,), _ = await play(Viewer(1, bad.url + "/v.m3u8"), settings=PlayerSettings(max_failures=1))
    assert outcomes(record) == {Failure.LENGTH}
    async with serving({"/v.m3u8": ranged.encode(), "/all.ts": 500}) as good:
        (record,), _ = await play(Viewer(1, good.url + "/v.m3u8"))
    assert outcomes(record) == {206}
    assert record.end is EndReason.WATCHED


async def test_a_server_that_is_not_there_is_named():
    (record,), _ = await play(Viewer(1, "http://127.0.0.1:1/x.m3u8"), settings=PlayerSettings(max_failures=2))
    assert record.end is EndReason.START_FAILED
    assert outcomes(record, RequestKind.MANIFEST) == {Failure.CONNECT}


async def test_a_server_that_says_nothing_times_out():
    async def answer(_):
        await asyncio.Event().wait()

    async with serving(FILM, answer) as server:
        settings = PlayerSettings(timeout_s=0.05, max_failures=2)
        (record,), _ = await play(Viewer(1, server.url + MASTER), settings=settings)
    assert outcomes(record, RequestKind.MANIFEST) == {Failure.TIMEOUT}


async def test_an_idle_connection_that_the_server_has_closed_is_no_error():
    async with serving(FILM) as server:
        driver, records = AsyncioDriver(PlayerSettings(abr="fixed:1"), speed=1.0), []

        async def play_on():
            await driver.play([Viewer(1, server.url + MASTER, watch_s=1.0)], 20.0, records.append)

        async def close_all():
            await until(lambda: any(request.path.endswith("00005.m4s") for request in server.asked))
            for request in server.asked:
                if request.transport is not None:
                    request.transport.close()

        async with asyncio.TaskGroup() as both:
            both.create_task(play_on())
            both.create_task(close_all())
    assert records[0].errors == 0
