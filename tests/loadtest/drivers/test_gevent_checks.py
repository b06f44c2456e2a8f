"""The same spoiled edge as for the asyncio driver, seen by greenlets."""

from aiohttp import web

from tests.loadtest.drivers.test_gevent_session import play
from tests.loadtest.playing import FILM, MASTER
from tests.loadtest.serving import serving


async def test_greenlets_compare_segments_with_the_origins_and_fetch_each_once():
    async def spoiled(request):
        if request.path.endswith("v360/00003.m4s"):
            return web.Response(body=b"!" * FILM[request.path])
        if request.path.endswith("v360/00002.m4s") and "moved" not in request.query:
            # The body of a redirect is not part of the segment.
            return web.Response(status=302, body=b"moved", headers={"Location": f"{request.path}?moved=1"})
        return None

    async with serving(FILM) as origin, serving(FILM, spoiled) as edge:
        url, more = edge.url + MASTER, {"abr": "fixed:1", "max_failures": 1, "origin": origin.url}
        records = await play(url, players=2, **more)
        asked = [request.path for request in origin.asked]
    assert [record["outcomes"] for record in records] == [["200", "checksum"]] * 2
    assert len(asked) == len(set(asked)) >= 4
    assert all(path.endswith(".m4s") for path in asked)
