"""Steering over HTTP: for players of all kinds, without a session, and kindly when there is nothing to say."""

from __future__ import annotations

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from yarl import URL

MASTER = '#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1,PATHWAY-ID="here"\nv480/main.m3u8\n'
MPD = '<MPD xmlns="urn:mpeg:dash:schema:mpd:2011"><Period/></MPD>'


class Edge:
    """An edge that has the top files of one token."""

    def __init__(self):
        self.asked = []
        self.status = 200

    async def answer(self, request):
        self.asked.append(request.raw_path)
        if self.status != 200 or "/t/good/" not in request.raw_path:
            return web.Response(status=self.status if self.status != 200 else 401)
        return web.Response(text=MPD if request.path.endswith(".mpd") else MASTER)


@pytest.fixture
async def edge():
    edge = Edge()
    application = web.Application()
    application.router.add_route("*", "/{path:.*}", edge.answer)
    server = TestServer(application)
    await server.start_server()
    edge.url = f"http://127.0.0.1:{server.port}"
    yield edge
    await server.close()


@pytest.fixture
async def place(start, origin, until, edge):
    origin.publish("film", countries=["DE"])
    origin.publish("away", countries=["FR"])
    gone = "http://127.0.0.1:1"
    place = await start(origin=origin.url, edges=f"{edge.url},{gone}", default_country="DE", steering_ttl="4s")

    async def there():
        return (await place.get("/titles/film"))[0] == 200

    await until(there)
    return place


async def test_anybody_may_ask_from_anywhere_and_the_answer_leads_on(place, edge):
    got = await place.client.get("/steering/film?_HLS_pathway=here&_HLS_throughput=5000000")
    body = await got.json(content_type=None)
    assert got.status == 200
    assert got.headers["Access-Control-Allow-Origin"] == "*"
    assert got.headers["Cache-Control"] == "no-store"
    assert got.headers["Content-Type"] == "application/vnd.apple.steering-list"
    assert (body["VERSION"], body["TTL"]) == (1, 4)
    assert len(body["PATHWAY-PRIORITY"]) == 2, "one edge's port is shared by nobody: it cannot be cloned to"
    status, again = await place.get(body["RELOAD-URI"].partition("127.0.0.1")[2].partition("/")[2].join(["/", ""]))
    assert status == 200
    assert again["RELOAD-URI"] == body["RELOAD-URI"]


async def test_a_session_may_refine_it_and_dash_has_its_form(place):
    started = (await place.get("/playback/start?contentId=film"))[1]
    assert started["steeringUrl"].endswith(f"/steering/film?session={started['sessionId']}")
    got = await place.client.get(
        f"/steering/film?session={started['sessionId']}&manifest=dash&_DASH_pathway=%22here%22"
    )
    body = await got.json()
    assert "session" not in body["RELOAD-URI"]
    assert "manifest=dash" in body["RELOAD-URI"]
    assert ":" in body["PATHWAY-CLONES"][0]["URI-REPLACEMENT"]["HOST"]


@pytest.mark.parametrize("path", ["/steering/nobody", "/steering/away"])
async def test_players_of_what_is_gone_or_not_licensed_stop_asking(place, path):
    got = await place.client.get(path)
    assert got.status == 410
    assert got.headers["Access-Control-Allow-Origin"] == "*"


async def test_a_name_that_cannot_be_is_a_plain_400(place):
    assert (await place.client.get("/steering/..%2Fx")).status in (400, 404)
    assert (await place.client.get("/steering/%20")).status == 400


async def test_whole_top_files_name_every_edge(place, edge):
    """The one that is down is passed over; what the edge refuses is refused."""
    got = await place.client.get("/whole/t/good/cdn/eu/film/master.m3u8")
    text = await got.text()
    assert got.status == 200
    assert got.headers["Access-Control-Allow-Origin"] == "*"
    assert f"{edge.url}/t/good/cdn/eu/film/v480/main.m3u8" in text
    assert "http://127.0.0.1:1/t/good/cdn/eu/film/v480/main.m3u8" in text
    assert "/steering/film?whole=1&viewer=" in text
    got = await place.client.get("/whole/t/good/cdn/eu/film/manifest-sd.mpd")
    assert f">{edge.url}/t/good/cdn/eu/film/</BaseURL>" in await got.text()
    assert edge.asked == ["/t/good/cdn/eu/film/master.m3u8", "/t/good/cdn/eu/film/manifest-sd.mpd"]
    assert (await place.client.get("/whole/t/bad/cdn/eu/film/master.m3u8")).status == 401
    edge.status = 503
    assert (await place.client.get("/whole/t/good/cdn/eu/film/master.m3u8")).status == 502


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/whole/t/good/cdn/eu/film/v480.m4s", 404),
        ("/whole/t/good/cdn/eu/film/master.mpd", 404),
        ("/whole/t/go%3Fod/cdn/eu/film/master.m3u8", 404),
        ("/whole/t/good/cdn/eu/away/master.m3u8", 451),
        ("/whole/t/good/cdn/eu/nobody/master.m3u8", 404),
    ],
)
async def test_nothing_but_top_files_of_what_may_be_seen(place, edge, path, status):
    assert (await place.client.get(path)).status == status
    assert not edge.asked


@pytest.mark.parametrize(
    "region",
    [
        "eu%2Faway%2Fmaster.m3u8%3F",
        "eu%2F..%2F..%2Fcdn%2Feu",
        "eu%2Faway",
        "eu%3F",
        "eu%23",
        "..",
        "%2e%2e",
        "EU",
        "e" * 33,
        "eu%252Faway",
    ],
)
async def test_a_region_that_decodes_to_more_than_a_region_reaches_no_edge(place, edge, region):
    """The licence of `film` would be checked, and the top file of `away` be fetched."""
    url = URL(f"/whole/t/good/cdn/{region}/film/master.m3u8", encoded=True)
    got = await place.client.get(url, allow_redirects=False)
    assert got.status == 404
    assert edge.asked == []
