"""Routes on an edge over loopback: what viewers get, what upstream is asked, what a purge reaches."""

from __future__ import annotations

from pathlib import Path

from cache.cache import PurgeRequest
from edge.policy.purge_keys import purge_scope
from edge.policy.route import route_url
from kernel.vocabulary import Refusal
from tests.doubles.response import read_responses
from tests.edge.ground import Ground, ok, standing

SEG = "/cdn/eu/t1/v720/1.m4s"
POSTER = "/cdn/eu/t1/posters/a.jpg"


async def one_by_one(ground: Ground, *requests: tuple[str, str]) -> list[dict[str, str]]:
    """The fields of the answers to GETs (path, more lines) on one connection."""
    data = "".join(f"GET {path} HTTP/1.1\r\nHost: h\r\n{more}\r\n" for path, more in requests).encode()
    return [answer.headers for answer in read_responses(await ground.sends(data))]


async def test_a_list_of_origins_is_answered_each_without_a_copy_each(tmp_path: Path):
    """Hits, the first of a connection and those behind it; upstream's own Vary on Origin splits nothing either."""
    route = {"cors": ["https://a", "https://b"]}
    async with standing(tmp_path, profile="media", routes=[route]) as ground:
        ground.upstream.default = ok(
            b"x", b"Cache-Control: max-age=60\r\nVary: Origin\r\nAccess-Control-Allow-Origin: https://evil\r\n"
        )
        asked = [(SEG, f"Origin: https://{name}\r\n") for name in ("a", "b", "evil", "a")]
        found = [one.get("access-control-allow-origin") for one in await one_by_one(ground, *asked, (SEG, ""))]
        assert found == ["https://a", "https://b", None, "https://a", None]
        assert len(ground.upstream.asked) == 1
        vary = [one["vary"] for one in await one_by_one(ground, (SEG, ""))]
        assert vary == ["Origin"]


async def test_a_preflight_is_answered_by_the_edge(tmp_path: Path):
    routes = [{"path": "*.m4s", "cors": ["https://a"]}, {"path": "*.off", "cors": "off"}]
    async with standing(tmp_path, profile="media", routes=routes) as ground:
        said = {}
        for path in (SEG, "/cdn/eu/t1/a.off", "/cdn/eu/t1/a"):
            for origin in ("https://a", "https://b"):
                got = await ground.gets(path, "OPTIONS", f"Origin: {origin}\r\nAccess-Control-Request-Method: GET\r\n")
                fields = got.headers
                said[path[-3:], origin[-1]] = (
                    got.status, fields.get("access-control-allow-origin"), "access-control-allow-methods" in fields,
                )  # fmt: skip
        assert said == {
            ("m4s", "a"): (204, "https://a", True), ("m4s", "b"): (204, None, False),
            ("off", "a"): (204, None, False), ("off", "b"): (204, None, False),
            ("1/a", "a"): (204, "*", True), ("1/a", "b"): (204, "*", True),
        }  # fmt: skip
        assert ground.upstream.asked == []


async def test_cors_off_leaves_upstream_s_word(tmp_path: Path):
    async with standing(tmp_path, profile="media", routes=[{"cors": "off"}]) as ground:
        ground.upstream.default = ok(b"x", b"Cache-Control: max-age=60\r\nAccess-Control-Allow-Origin: https://own\r\n")
        for fields in await one_by_one(ground, *[(SEG, "")] * 3):
            assert fields["access-control-allow-origin"] == "https://own"
            assert fields["x-content-type-options"] == "nosniff"


async def test_neighbours_of_one_folder_keep_their_own_routes_on_one_connection(tmp_path: Path):
    """What is remembered of a folder for the next request must not be remembered where names decide."""
    route = {"path": "*.vtt", "cors": "off"}
    async with standing(tmp_path, profile="media", routes=[route]) as ground:
        names = ["1.m4s", "1.vtt", "2.m4s", "1.m4s", "1.vtt", "2.m4s"] * 2
        found = await one_by_one(ground, *((f"/cdn/eu/t1/v720/{name}", "") for name in names))
        assert [one.get("access-control-allow-origin") for one in found] == ["*", None, "*"] * 4


async def test_a_keyed_field_splits_by_what_is_told_apart(tmp_path: Path):
    route = {"path": "*.vtt", "key-fields": "accept-encoding"}
    async with standing(tmp_path, profile="media", routes=[route]) as ground:
        path = "/cdn/eu/t1/subs/a.vtt"
        ground.upstream.default = ok(b"x", b"Cache-Control: max-age=60\r\nVary: Accept-Encoding\r\n")
        for coding in ("gzip", "gzip, deflate", "br, gzip;q=0.1", "deflate", "", "gzip;q=1"):
            await ground.gets(path, more=f"Accept-Encoding: {coding}\r\n" if coding else "")
        sent = [line for head in ground.upstream.heads for line in head.split(b"\r\n") if b"Accept-Enc" in line]
        assert sent == [b"Accept-Encoding: gzip", b"Accept-Encoding: br, gzip", b"Accept-Encoding: identity"]
        asked = route_url(path, general=False, routes=ground.edge.node.routes)
        assert not isinstance(asked, Refusal)
        urls, prefixes = purge_scope(asked)
        assert await ground.edge.cache.purge(PurgeRequest(urls=urls, prefixes=prefixes)) == 3


async def test_what_is_never_kept_is_asked_for_each_time(tmp_path: Path):
    async with standing(tmp_path, profile="media", routes=[{"path": "*.live", "keep": "never"}]) as ground:
        for _ in range(3):
            assert (await ground.gets("/cdn/eu/t1/a.live")).status == 200
        assert len(ground.upstream.asked) == 3


async def test_silent_answers_are_kept_as_the_route_says(tmp_path: Path):
    route = {"path": "/cdn/*/*/posters/", "default-ttl": "1m", "query": "w"}
    async with standing(tmp_path, profile="media", routes=[route]) as ground:
        ground.upstream.default = ok(b"x", b"")
        for path in (POSTER + "?w=1&utm=2", POSTER + "?w=1", POSTER + "?w=2", SEG, SEG):
            await ground.gets(path)
        assert ground.upstream.asked == [f"GET {POSTER}?w=1", f"GET {POSTER}?w=2", f"GET {SEG}", f"GET {SEG}"]
        assert ground.edge.prefetch(POSTER + "?x&w=2")
        assert not ground.edge.cache.fill_table


async def test_an_open_route_still_asks_for_region_and_country(tmp_path: Path):
    rules = tmp_path / "rules.json"
    rules.write_text('{"titles": {"t1": {"allow": ["FR"]}}}')
    keys = tmp_path / "jwks.json"
    keys.write_text('{"keys": []}')
    more = {"tokens": "required", "keys": keys, "rules": rules, "region": "eu", "default_country": "DE"}
    async with standing(tmp_path, profile="media", routes=[{"path": "*.jpg", "token": "off"}], **more) as ground:
        statuses = [
            (await ground.gets(path)).status
            for path in (POSTER, "/cdn/us/t2/posters/a.jpg", "/cdn/eu/t2/posters/a.jpg", "/cdn/eu/t2/posters/a.png")
        ]
        assert statuses == [451, 404, 200, 401]
        assert ground.upstream.asked == ["GET /cdn/eu/t2/posters/a.jpg"]


async def test_a_route_may_require_tokens_where_the_node_does_not(tmp_path: Path):
    keys = tmp_path / "jwks.json"
    keys.write_text('{"keys": []}')
    route = {"path": "/cdn/*/*/v2160/", "token": "required"}
    async with standing(tmp_path, profile="media", keys=keys, routes=[route]) as ground:
        assert (await ground.gets(SEG)).status == 200
        assert (await ground.gets("/cdn/eu/t1/v2160/1.m4s")).status == 401
