"""The gateway: on to the origin, away to an edge."""

import pytest

from services.gateway.proxy import edge_for_path, is_proxyable

EDGES = "http://127.0.0.1:8081,http://127.0.0.2:8081"


def test_all_of_a_title_goes_to_one_edge_whatever_its_token():
    edges = EDGES.split(",")
    paths = ["/cdn/eu/film/master.m3u8", "/cdn/eu/film/v720/1.m4s", "/t/aaa/cdn/eu/film/x?y=1", "/t/bbb/cdn/eu/film/x"]
    assert len({edge_for_path(path, edges) for path in paths}) == 1
    assert len({edge_for_path(f"/cdn/eu/f{n}/x", edges) for n in range(20)}) == 2


PATHS_ARE_SENT_TO_AN_EDGE_EXACTLY_AS_THEY_CAME = [
    "/cdn/eu/film/master.m3u8",
    "/t/abc/cdn/eu/film/a%20b?x=1&y",
    "/cdn//evil.example/x",
    "/cdn/../x",
    "/t/@evil.example/",
]


async def test_paths_are_sent_to_an_edge_exactly_as_they_came(start):
    place = await start(only="gateway", edges=EDGES)
    from yarl import URL

    for path in PATHS_ARE_SENT_TO_AN_EDGE_EXACTLY_AS_THEY_CAME:
        got = await place.client.get(URL(path, encoded=True), allow_redirects=False)
        if got.status == 307:
            assert got.headers["Location"] in {edge + path for edge in EDGES.split(",")}
        else:
            assert got.status in (400, 404)


async def test_without_an_edge_the_gateway_says_so(start):
    place = await start(only="gateway")
    got = await place.client.get("/cdn/eu/film/x", allow_redirects=False)
    assert got.status == 503
    assert got.headers["Retry-After"]


async def test_content_calls_go_to_the_origin_without_our_key(start, origin):
    place = await start(only="gateway", insecure_dev="off", origin=origin.url)
    assert (await place.post("/content/ingest", {"title": "A"}))[0] == 401
    headers = {
        "Authorization": f"Bearer {place.key}",
        "Cookie": "a=b",
        "Connection": "X-Mine",
        "X-Mine": "1",
        "X-Yours": "2",
    }
    got = await place.client.post("/content/ingest?x=%20", json={"title": "A"}, headers=headers)
    assert (got.status, await got.json()) == (201, {"echo": "/content/ingest"})
    assert "X-Hop" not in got.headers
    method, path, sent, body = origin.asked[0]
    assert (method, path, body) == ("POST", "/content/ingest?x=%20", b'{"title": "A"}')
    assert not {"Authorization", "Cookie", "X-Mine"} & set(sent)
    assert sent["X-Yours"] == "2"


async def test_a_big_body_flows_through(start, origin):
    place = await start(only="gateway", origin=origin.url)
    got = await place.client.put("/content/upload", data=b"x" * 500_000)
    assert got.status == 201
    assert len(origin.asked[0][3]) == 500_000


async def test_an_origin_that_is_away_is_a_502(start):
    place = await start(only="gateway", origin="http://127.0.0.1:1")
    status, body = await place.post("/content/ingest", {})
    assert (status, body["reason"]) == (502, "origin-unreachable")
    place2 = await start(only="gateway")
    assert (await place2.post("/content/ingest", {}))[0] == 503


@pytest.mark.parametrize(
    ("path", "passes"),
    [
        ("/content/ingest", True),
        ("/content/uploads/a-b?x=/../%2e", True),
        ("/content/a%20b", True),
        ("/content/../library", False),
        ("/content/..", False),
        ("/content/.", False),
        ("/content/%2E%2e/library", False),
        ("/content/a%2F..%2Flibrary", False),
        ("/content/a%252f..", False),
        ("/content/a\\..\\library", False),
        ("/content//library", False),
        ("/contents", False),
        ("/cdn/eu/film/master.m3u8", False),
    ],
)
def test_only_what_the_origin_reads_as_we_do_is_passed_on(path, passes):
    assert is_proxyable(path) is passes


async def test_the_origin_gets_a_key_of_its_own(start, origin, tmp_path):
    """Whoever asked: the gateway has checked them, and the origin checks the gateway."""
    (tmp_path / "origin.key").write_text("origins-key-0123456789\n")
    place = await start(only="gateway", origin=origin.url, origin_key_file=str(tmp_path / "origin.key"))
    assert (await place.post("/content/ingest", {"title": "A"}))[0] == 201
    assert origin.asked[0][2]["Authorization"] == "Bearer origins-key-0123456789"
