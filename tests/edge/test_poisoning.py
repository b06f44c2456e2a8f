"""Cache poisoning, deception and denial by cache: a table of classes, each proven on an edge over loopback.

In each an attacker asks first and a viewer after him; what the viewer gets, and what upstream was asked, is looked at.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.doubles.response import read_responses
from tests.edge.ground import Ground, Says, ok, standing
from tests.kernel.http.test_field_names import OVERRIDES

MEDIA, GENERAL = "/cdn/eu/t1/v720/1.m4s", "/page"
BOTH = pytest.mark.parametrize("ground", ["media", "general"], indirect=True)
ONLY_GENERAL = pytest.mark.parametrize("ground", ["general"], indirect=True)
ONLY_MEDIA = pytest.mark.parametrize("ground", ["media"], indirect=True)


@pytest.fixture
async def ground(tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[Ground]:
    async with standing(tmp_path, profile=request.param) as made:
        yield made


def path_of(ground: Ground) -> str:
    return MEDIA if ground.edge.node.profile.name == "media" else GENERAL


def says(status: str, more: str, body: bytes = b"bad") -> Says:
    return Says(f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n{more}\r\n".encode() + body)


def names(head: bytes) -> list[str]:
    return [line.partition(b":")[0].decode().lower() for line in head.split(b"\r\n")[1:] if line]


# -- unkeyed request fields ------------------------------------------------------------------------------------------


@BOTH
async def test_no_unkeyed_field_that_makes_another_request_reaches_an_origin(ground: Ground):
    """X-Forwarded-Host and its like, method overrides, other paths: whatever the origin would make of them."""
    await ground.gets(path_of(ground), more="".join(f"{name}: evil.example\r\n" for name in OVERRIDES))
    made_here = {"x-forwarded-for"}
    assert (set(names(ground.upstream.heads[0])) - made_here).isdisjoint(OVERRIDES)
    assert b"evil" not in ground.upstream.heads[0]


@ONLY_MEDIA
async def test_media_lets_no_field_of_a_viewer_s_own_making_through(ground: Ground):
    more = "X-Anything: evil\r\nCookie: a=evil\r\nUser-Agent: evil\r\nAccept: evil\r\nAccept-Language: evil\r\n"
    await ground.gets(MEDIA, more=more + "Accept-Encoding: evil\r\nOrigin: https://evil\r\nReferer: evil\r\n")
    assert b"evil" not in ground.upstream.heads[0]
    assert b"Accept-Encoding: identity\r\n" in ground.upstream.heads[0]


@ONLY_GENERAL
async def test_what_upstream_says_it_varies_by_keeps_viewers_apart(ground: Ground):
    ground.upstream.default = ok(b"evil", b"Cache-Control: max-age=60\r\nVary: X-Theme\r\n")
    await ground.gets(GENERAL, more="X-Theme: evil\r\n")
    ground.upstream.default = ok(b"good", b"Cache-Control: max-age=60\r\nVary: X-Theme\r\n")
    assert (await ground.gets(GENERAL)).body == b"good"


# -- fat GET ---------------------------------------------------------------------------------------------------------


@ONLY_MEDIA
async def test_media_takes_no_body_with_a_get(ground: Ground):
    assert (await ground.gets(MEDIA, more="Content-Length: 4\r\n", body=b"evil")).status == 400
    assert ground.upstream.asked == []


@ONLY_GENERAL
async def test_the_answer_to_a_get_with_a_body_is_nobody_else_s(ground: Ground):
    ground.upstream.default = ok(b"evil")
    await ground.gets(GENERAL, more="Content-Length: 4\r\n", body=b"evil")
    ground.upstream.default = ok(b"good!")
    assert (await ground.gets(GENERAL)).body == b"good!"
    assert ground.upstream.bodies[-1] == b""
    assert b"content-length" not in ground.upstream.heads[-1].lower()


# -- key and target --------------------------------------------------------------------------------------------------


@ONLY_GENERAL
@pytest.mark.parametrize(
    ("attack", "asked"),
    [
        ("/page?id=1;evil=1", "/page?id=1"), ("/page?id=1&id=2", "/page?id=1"), ("/page?id=1&utm=evil", "/page?id=1"),
        ("/page?id=1%26evil=2", "/page?id=1"), ("/page?ID=1", "/page?id=1"), ("/page;evil", "/page"),
        ("/page?", "/page"), ("/page/", "/page"), ("//page", "/page"), ("/Page", "/page"), ("/page%3Fa", "/page?a"),
        ("/page%23a", "/page"), ("/page!evil", "/page"), ("/page~evil", "/page"), ("/page%2Fx.css", "/page/x.css"),
    ],
)  # fmt: skip
async def test_what_is_sent_is_what_is_keyed(ground: Ground, attack: str, asked: str):
    """Parameter cloaking, delimiters, encoded separators: another target upstream is another object here."""
    ground.upstream.answers[attack] = ok(b"evil")
    assert (await ground.gets(attack)).body == b"evil"
    assert (await ground.gets(asked)).body == b"hello"
    assert ground.upstream.asked == [f"GET {attack}", f"GET {asked}"]


@ONLY_GENERAL
async def test_a_host_is_keyed_as_it_is_sent(ground: Ground):
    """Case and the scheme's own port make no other object, and no other host reaches the origin than was keyed."""
    for host in ("Shop.Example", "shop.example:80", "SHOP.example:", "shop.example:1234"):
        await ground.sends(f"GET /a HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
    hosts = [line for head in ground.upstream.heads for line in head.split(b"\r\n") if line.startswith(b"Host:")]
    assert hosts == [b"Host: shop.example", b"Host: shop.example:1234"]


async def test_a_listed_query_goes_upstream_as_it_is_keyed(tmp_path: Path):
    route = {"path": "*.jpg", "query": ["w"]}
    async with standing(tmp_path, profile="media", routes=[route]) as ground:
        for query in ("?w=1&evil=1", "?evil;w=2&w=1", "?w=1#", "?CMCD=w%3D2&w=1&token=", "?w=1;evil=1"):
            await ground.gets(f"/cdn/eu/t1/p/a.jpg{query}")
        assert ground.upstream.asked == ["GET /cdn/eu/t1/p/a.jpg?w=1", "GET /cdn/eu/t1/p/a.jpg?w=1;evil=1"]


# -- denial by cache -------------------------------------------------------------------------------------------------


@BOTH
async def test_an_oversized_head_never_becomes_an_origin_s_error(ground: Ground):
    """HHO: our limit comes first, and its answer is nobody else's."""
    got = await ground.gets(path_of(ground), more=f"X-Big: {'a' * 200_000}\r\n")
    assert got.status == 431
    assert ground.upstream.asked == []
    assert (await ground.gets(path_of(ground))).status == 200


@BOTH
@pytest.mark.parametrize("octet", ["\x00", "\x07", "\x1b", "\x7f", "\x0b"])
async def test_a_control_byte_in_a_field_is_refused_here(ground: Ground, octet: str):
    """HMC."""
    assert (await ground.gets(path_of(ground), more=f"X-A: a{octet}b\r\n")).status == 400
    assert ground.upstream.asked == []


@BOTH
@pytest.mark.parametrize(
    "fields",
    ["Range: bytes=9-1\r\n", "Range: cow\r\n", "Range: bytes=0-0\r\n", "If-None-Match: *\r\n",
     "Expect: 100-continue\r\n", "X-HTTP-Method-Override: DELETE\r\n", "X-Forwarded-Scheme: http\r\n",
     "Transfer-Encoding: identity\r\n", "Upgrade: cow\r\nConnection: upgrade\r\n", "Connection: host\r\n",
     "Connection: cache-control\r\n"],
)  # fmt: skip
async def test_a_field_that_makes_origins_fail_is_not_sent_for_what_all_get(ground: Ground, fields: str):
    await ground.gets(path_of(ground), more=fields)
    sent = b"".join(ground.upstream.heads).lower()
    assert [line for line in fields.lower().split("\r\n") if line and f"\r\n{line}\r\n".encode() in sent] == []
    got = await ground.gets(path_of(ground))
    assert (got.status, got.body) == (200, b"hello")
    assert ground.upstream.heads[-1].lower().count(b"\r\nhost: ") == 1


@ONLY_MEDIA
@pytest.mark.parametrize(
    "status",
    ["302 A", "307 A", "400 A", "403 A", "405 A", "406 A", "414 A", "431 A", "500 A", "501 A", "503 A"],
)
async def test_media_keeps_no_error_and_no_redirect(ground: Ground, status: str):
    ground.upstream.default = says(status, "Cache-Control: public, max-age=600\r\nLocation: /x\r\n")
    await ground.gets(MEDIA)
    ground.upstream.default = ok()
    assert (await ground.gets(MEDIA)).status == 200


@BOTH
async def test_a_condition_that_only_upstream_can_answer_is_answered_to_its_viewer_alone(ground: Ground):
    """A 412 by If-Match is for nobody else."""
    ground.upstream.default = says("412 Precondition Failed", "Cache-Control: max-age=600\r\n")
    await ground.gets(path_of(ground), more="If-Match: nothing\r\n")
    ground.upstream.default = ok()
    assert (await ground.gets(path_of(ground))).status == 200


@ONLY_MEDIA
@pytest.mark.parametrize("status", ["301 A", "308 A"])
async def test_media_keeps_a_redirect_only_where_it_says_for_how_long(ground: Ground, status: str):
    ground.upstream.default = says(status, "Location: /x\r\n")
    await ground.gets(MEDIA)
    ground.upstream.default = ok()
    assert (await ground.gets(MEDIA)).status == 200


@ONLY_MEDIA
@pytest.mark.parametrize("status", ["404 Not Found", "410 Gone"])
async def test_media_keeps_what_is_not_there_for_seconds(ground: Ground, status: str):
    ground.upstream.default = says(status, "Cache-Control: public, max-age=600\r\n")
    await ground.gets(MEDIA)
    ground.upstream.default = ok()
    assert (await ground.gets(MEDIA)).status == int(status[:3])
    await ground.clock.advance(5)
    assert (await ground.gets(MEDIA)).status == 200


@ONLY_GENERAL
@pytest.mark.parametrize(
    "status", ["301 A", "302 A", "308 A", "400 A", "403 A", "404 A", "405 A", "406 A", "414 A", "500 A"]
)
async def test_general_keeps_an_error_or_redirect_only_where_it_says_so(ground: Ground, status: str):
    ground.upstream.default = says(status, "Location: /x\r\n")
    await ground.gets(GENERAL)
    ground.upstream.default = ok()
    assert (await ground.gets(GENERAL)).status == 200


# -- deception -------------------------------------------------------------------------------------------------------

SUFFIXES = [
    "/x.css",
    ";x.css",
    "%3Bx.css",
    "!x.css",
    "~x.css",
    "%23x.css",
    "%3Fx.css",
    "/static/x.js",
    ".css",
    "/x.ico",
]
READ_TWICE = [
    "%00x.css",
    "%0ax.css",
    "%2f..%2fx.css",
    "/..%2fx.css",
    "/%2e%2e/x.css",
    "/../x.css",
    "%5c..%5cx.css",
    "\\x.css",
]


@ONLY_GENERAL
@pytest.mark.parametrize("suffix", SUFFIXES)
async def test_no_name_of_a_page_makes_it_everybody_s(ground: Ground, suffix: str):
    """Nothing is kept by its extension: a page that says nothing is asked for anew."""
    ground.upstream.default = ok(b"secret", b"")
    await ground.gets("/account" + suffix, more="Cookie: session=victim\r\n")
    ground.upstream.default = ok(b"public", b"")
    assert (await ground.gets("/account" + suffix)).body == b"public"


@BOTH
@pytest.mark.parametrize("suffix", READ_TWICE)
async def test_a_path_that_two_programs_read_in_two_ways_is_refused(ground: Ground, suffix: str):
    assert (await ground.gets(path_of(ground) + suffix)).status == 400
    assert ground.upstream.asked == []


@ONLY_GENERAL
@pytest.mark.parametrize(
    ("fields", "answer"),
    [
        ("Cookie: a=victim\r\n", "Last-Modified: Thu, 01 Jan 1970 00:00:00 GMT\r\n"),
        ("Authorization: Basic dmljdGlt\r\n", "Last-Modified: Thu, 01 Jan 1970 00:00:00 GMT\r\n"),
        ("Authorization: Basic dmljdGlt\r\n", "Cache-Control: max-age=600\r\n"),
        ("Cookie: a=victim\r\n", "Cache-Control: private, max-age=600\r\n"),
        ("Cookie: a=victim\r\n", "Cache-Control: max-age=600\r\nVary: Cookie\r\n"),
        ("", "Cache-Control: no-store\r\n"),
    ],
)
async def test_an_answer_to_one_viewer_is_not_another_s(ground: Ground, fields: str, answer: str):
    """Only an origin that says so shares what it answered to credentials (RFC 9111 §3.5)."""
    ground.upstream.default = ok(b"secret", answer.encode())
    await ground.gets(GENERAL, more=fields)
    ground.upstream.default = ok(b"public", b"")
    assert (await ground.gets(GENERAL)).body == b"public"


@ONLY_MEDIA
async def test_media_asks_without_credentials_and_keeps_no_cookie(ground: Ground):
    ground.upstream.default = ok(b"one", b"Cache-Control: max-age=60\r\nSet-Cookie: id=victim\r\n")
    got = await ground.gets(MEDIA, more="Cookie: a=victim\r\n")
    assert "set-cookie" not in got.headers
    assert "cookie" not in names(ground.upstream.heads[0])
    assert "set-cookie" not in (await ground.gets(MEDIA)).headers


# -- answers that are wrong ------------------------------------------------------------------------------------------

BROKEN = {
    "two lengths": b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\nCache-Control: max-age=9\r\n\r\nhello!",  # noqa: E501 (as it comes)
    "a bad length": b"HTTP/1.1 200 OK\r\nContent-Length: +5\r\nCache-Control: max-age=9\r\n\r\nhello",
    "a bare CR": b"HTTP/1.1 200 OK\r\nX: a\rSet-Cookie: evil\r\nContent-Length: 5\r\nCache-Control: max-age=9\r\n\r\nhello",  # noqa: E501 (as it comes)
    "a NUL": b"HTTP/1.1 200 OK\r\nX: a\0b\r\nContent-Length: 5\r\nCache-Control: max-age=9\r\n\r\nhello",
}


@BOTH
@pytest.mark.parametrize("what", list(BROKEN))
async def test_a_misframed_answer_is_502_and_nobody_s_after(ground: Ground, what: str):
    """RFC 9112 §6.3, §5: response splitting and disagreeing lengths."""
    ground.upstream.default = Says(BROKEN[what])
    assert (await ground.gets(path_of(ground))).status == 502
    ground.upstream.default = ok(b"good!")
    assert (await ground.gets(path_of(ground))).body == b"good!"


@BOTH
async def test_bytes_behind_an_answer_are_not_the_next_one_s(ground: Ground):
    """Response queue poisoning: the connection they came on is not used again."""
    ground.upstream.default = Says(ok(b"first").data + ok(b"evil").data)
    await ground.gets(path_of(ground))
    ground.upstream.default = ok(b"good!")
    assert (await ground.gets(path_of(ground) + "2")).body == b"good!"
    assert ground.upstream.connections == 2


@BOTH
async def test_a_truncated_answer_is_not_whole_and_not_kept(ground: Ground):
    cut = Says(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\nCache-Control: max-age=60\r\n\r\nhello", then="close")
    ground.upstream.default = cut
    data = await ground.sends(f"GET {path_of(ground)} HTTP/1.1\r\nHost: h\r\n\r\n".encode())
    assert not read_responses(data)[0].whole or read_responses(data)[0].status == 502
    ground.upstream.default = ok(b"good!")
    assert (await ground.gets(path_of(ground))).body == b"good!"


# -- routes ----------------------------------------------------------------------------------------------------------


async def test_an_open_route_opens_nothing_else(tmp_path: Path):
    """By suffix, by escapes, by dot segments, behind an open neighbour on the same connection."""
    open_route = {"path": "/cdn/*/*/posters/*.jpg", "token": "off"}
    keys = tmp_path / "jwks.json"
    keys.write_text('{"keys": []}')
    async with standing(tmp_path, profile="media", tokens="required", keys=str(keys), routes=[open_route]) as ground:
        assert (await ground.gets("/cdn/eu/t1/posters/a.jpg")).status == 200
        for attack, status in {
            "/cdn/eu/t1/v720/x.m4s/poster.jpg": 401, "/cdn/eu/t1/v720/posters/a.jpg": 401,
            "/cdn/eu/t1/posters/a.jpg/../../v720/x.m4s": 400, "/cdn/eu/t1/posters/a.jpg%2f..%2fx.m4s": 400,
            "/cdn/eu/t1/v720/x.m4s?/posters/a.jpg": 401, "/cdn/eu/t1/v720/x.m4s;/posters/a.jpg": 401,
            "/cdn/eu/t1/posters/x.m4s": 401, "/cdn/eu/t1/v720/x.m4s%3Fa.jpg": 401,
        }.items():  # fmt: skip
            assert ((await ground.gets(attack)).status, attack) == (status, attack)
        lines = b"GET /cdn/eu/t1/posters/%s HTTP/1.1\r\nHost: h\r\n\r\n"
        data = await ground.sends(b"".join(lines % name for name in (b"a.jpg", b"a.jpg", b"b.m4s", b"a.jpg", b"c.m4s")))
        assert [one.status for one in read_responses(data)] == [200, 200, 401, 200, 401]
        assert ground.upstream.asked == ["GET /cdn/eu/t1/posters/a.jpg"]
