"""What upstreams do to an edge: nothing truncated or mis-framed is ever stored, or passed off as whole."""

import asyncio
from pathlib import Path

import pytest

from cache.entry import Entry
from tests.doubles.response import read_responses
from tests.edge.ground import Ground, Says, ok, standing

FRESH = b"Cache-Control: max-age=60\r\n"
HEAD = b"HTTP/1.1 200 OK\r\n" + FRESH
FIVE = HEAD + b"Content-Length: 5\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"


async def goes_on(ground: Ground) -> None:
    """Nothing of `/a` is stored, and the next good answer is given and kept."""
    assert ground.edge.cache.peek(b"h/a", {}) is None
    ground.upstream.answers["/a"] = ok(b"right")
    assert (await ground.gets("/a")).body == b"right"
    before = len(ground.upstream.asked)
    assert (await ground.gets("/a")).body == b"right"
    assert len(ground.upstream.asked) == before


BEFORE_THE_BODY = {
    "two lengths": Says(FIVE + b"Content-Length: 6\r\n\r\nhello!"),
    "two equal lengths": Says(FIVE + b"Content-Length: 5\r\n\r\nhello"),
    "length and coding": Says(FIVE + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"),
    "another coding": Says(HEAD + b"Transfer-Encoding: gzip, chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"),
    "length no number": Says(HEAD + b"Content-Length: five\r\n\r\nhello"),
    "CR in a field": Says(FIVE + b"X: a\rb\r\n\r\nhello"),
    "NUL in a field": Says(FIVE + b"X: a\0b\r\n\r\nhello"),
    "folded field": Says(FIVE + b"X: a\r\n b\r\n\r\nhello"),
    "LF line ends": Says(b"HTTP/1.1 200 OK\nContent-Length: 5\n\nhello"),
    "large head": Says(FIVE + b"X: " + b"y" * 200_000 + b"\r\n\r\nhello"),
    "no HTTP": Says(b"hello\r\n\r\n", "close"),
    "cut head": Says(FIVE, "close"),
    "reset head": Says(FIVE, "reset"),
    "101": Says(b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n"),
    "304 unasked": Says(b"HTTP/1.1 304 Not Modified\r\nETag: \"a\"\r\n\r\n"),
    "206 unasked": Says(FIVE.replace(b"200", b"206") + b"Content-Range: bytes 0-4/9\r\n\r\nhello"),
    "closed without a word": Says(b"", "close"),
    "reset without a word": Says(b"", "reset"),
}  # fmt: skip


@pytest.mark.parametrize("name", BEFORE_THE_BODY)
async def test_an_answer_that_cannot_be_used_is_502(tmp_path: Path, name: str):
    async with standing(tmp_path) as ground:
        ground.upstream.answers["/a"] = BEFORE_THE_BODY[name]
        got = await ground.gets("/a")
        assert got.status == 502
        assert got.headers["content-type"] == "application/problem+json"
        await goes_on(ground)


CUT = {
    "length": Says(FIVE + b"\r\nhell", "close"),
    "length, reset": Says(FIVE + b"\r\nhell", "reset"),
    "chunk": Says(CHUNKED + b"5\r\nhell", "close"),
    "between chunks": Says(CHUNKED + b"5\r\nhello\r\n", "close"),
    "before the last line": Says(CHUNKED + b"5\r\nhello\r\n0\r\n", "close"),
    "bad chunk": Says(CHUNKED + b"5\r\nhello\r\nzz\r\n"),
    "overlong chunk": Says(CHUNKED + b"5\r\nhello!!\r\n0\r\n\r\n"),
    "end of connection, reset": Says(HEAD + b"\r\nhello", "reset"),
}


@pytest.mark.parametrize("name", CUT)
@pytest.mark.parametrize("version", ["1.1", "1.0"])
async def test_an_answer_cut_in_its_body_is_cut_for_the_viewer(tmp_path: Path, name: str, version: str):
    """He can tell: a length or a last chunk is missing, or the connection ends with a reset."""
    async with standing(tmp_path) as ground:
        ground.upstream.answers["/a"] = CUT[name]
        reader, writer = await ground.connect()
        writer.write(f"GET /a HTTP/{version}\r\nHost: h\r\n\r\n".encode())
        data, reset = b"", False
        try:
            while piece := await asyncio.wait_for(reader.read(1 << 16), 5):
                data += piece
        except ConnectionResetError:
            reset = True
        writer.close()
        got = read_responses(data)
        assert not got or got[0].status == 502 or not got[0].whole or (reset and version == "1.0")
        await goes_on(ground)


WHOLE = {
    "length": ok(),
    "chunked": Says(CHUNKED + b"2\r\nhe\r\n3;x=y\r\nllo\r\n0\r\nX: y\r\n\r\n"),
    "end of connection": Says(HEAD + b"\r\nhello", "close"),
    "HTTP/1.0": Says(FIVE.replace(b"/1.1", b"/1.0") + b"\r\nhello", "close"),
    "Connection: close": Says(FIVE + b"Connection: close\r\n\r\nhello", "close"),
    "closing without saying so": Says(FIVE + b"\r\nhello", "close"),
    "103 before": Says(b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" + FIVE + b"\r\nhello"),
    "surplus": Says(FIVE + b"\r\nhelloHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nEVIL"),
    "junk after": Says(FIVE + b"\r\nhello\0\0\0"),
}


@pytest.mark.parametrize("name", WHOLE)
async def test_an_answer_that_is_whole_is_kept(tmp_path: Path, name: str):
    """And whatever follows it on the connection is nobody's answer."""
    said = WHOLE[name]
    async with standing(tmp_path) as ground:
        ground.upstream.answers["/a"] = said
        for _ in range(2):
            got = await ground.gets("/a")
            assert (got.status, got.body, got.whole) == (200, b"hello", True)
        for number in range(3):
            ground.upstream.answers[f"/{number}"] = ok(b"%d" % number)
            assert (await ground.gets(f"/{number}")).body == b"%d" % number
        assert ground.upstream.asked.count("GET /a") == 1


@pytest.mark.parametrize(
    ("said", "status"),
    [
        (Says(b"HTTP/1.1 204 No Content\r\n" + FRESH + b"\r\n"), 204),
        (Says(b"HTTP/1.1 200 OK\r\n" + FRESH + b"Content-Length: 0\r\n\r\n"), 200),
        (Says(CHUNKED + b"0\r\n\r\n"), 200),
        (Says(b"HTTP/1.1 204 No Content\r\n" + FRESH + b"Content-Length: 5\r\n\r\nhello"), 204),
    ],
)
async def test_an_empty_answer_is_whole(tmp_path: Path, said: Says, status: int):
    async with standing(tmp_path) as ground:
        ground.upstream.answers["/a"] = said
        for _ in range(2):
            got = await ground.gets("/a")
            assert (got.status, got.body, got.whole) == (status, b"", True)
        assert ground.upstream.asked == ["GET /a"]


async def test_a_kept_connection_is_used_again_and_one_that_went_stale_is_replaced(tmp_path: Path):
    """A GET is sent once more, on a fresh connection, when the old one closes without a word."""
    async with standing(tmp_path) as ground:
        ground.upstream.answers["/b"] = [Says(b"", "close"), ok(b"second")]
        assert (await ground.gets("/a")).body == b"hello"
        assert (await ground.gets("/b")).body == b"second"
        assert ground.upstream.asked == ["GET /a", "GET /b", "GET /b"]
        assert ground.upstream.connections == 2


async def test_what_is_not_repeatable_is_not_repeated(tmp_path: Path):
    """RFC 9110 §9.2.2: a POST may have been carried out."""
    async with standing(tmp_path) as ground:
        ground.upstream.answers["/b"] = [Says(b"", "close"), ok()]
        await ground.gets("/a")
        assert (await ground.gets("/b", "POST", "Content-Length: 1\r\n", b"x")).status == 502
        assert ground.upstream.asked == ["GET /a", "POST /b"]


async def test_nothing_is_asked_again_once_an_answer_has_begun(tmp_path: Path):
    async with standing(tmp_path) as ground:
        ground.upstream.answers["/a"] = Says(b"HTTP/1.1 2", "close")
        assert (await ground.gets("/a")).status == 502
        assert ground.upstream.asked == ["GET /a"]


async def test_an_upstream_that_is_away_is_passed_by(tmp_path: Path):
    async with standing(tmp_path, upstreams=2) as ground:
        ground.upstream.goes_down()
        got = [(await ground.gets(f"/{number}")).status for number in range(8)]
        assert got == [200] * 8
        assert ground.upstream.asked == []


async def test_a_hung_upstream_is_504_within_its_time(tmp_path: Path):
    async with standing(tmp_path, upstream_first_byte="5s") as ground:
        ground.upstream.answers["/a"] = Says(b"", "hang")
        asked = ground.asks("/a")
        await ground.until(ground.upstream.hanging.is_set)
        await ground.clock.advance(4.9)
        assert not asked.done()
        await ground.clock.advance(0.2)
        assert (await asked).status == 504
        await goes_on(ground)


async def test_an_upstream_that_hangs_mid_body_is_cut(tmp_path: Path):
    """The viewer sees the cut; nothing is kept."""
    async with standing(tmp_path, upstream_first_byte="5s", upstream_idle="5s") as ground:
        ground.upstream.answers["/a"] = Says(FIVE + b"\r\nhel", "hang")
        asked = ground.asks("/a")
        await ground.until(lambda: ground.edge.counts.bytes_filled == 3)
        await ground.clock.advance(16)
        got = await asked
        assert (got.body, got.whole) == (b"hel", False)
        await goes_on(ground)


async def test_a_slow_drip_is_fine(tmp_path: Path):
    """As long as something comes in each idle time, however long it takes in all."""
    async with standing(tmp_path, upstream_first_byte="5s", upstream_idle="5s") as ground:
        server_side: list[asyncio.StreamWriter] = []

        async def drips(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readuntil(b"\r\n\r\n")
            server_side.append(writer)

        server = await asyncio.start_server(drips, "127.0.0.1", 0)
        pool = ground.edge.upstreams.all[0].pool
        pool.address = pool.address._replace(port=server.sockets[0].getsockname()[1])
        asked = ground.asks("/a")
        await ground.until(lambda: bool(server_side))
        server_side[0].write(HEAD + b"Content-Length: 20\r\n\r\n")
        for number in range(1, 21):
            server_side[0].write(b"x")
            await ground.until(lambda number=number: ground.edge.counts.bytes_filled == number)
            await ground.clock.advance(4)
        assert (await asked).body == b"x" * 20
        server_side[0].close()
        server.close()


async def test_waiters_of_a_failed_fetch_are_all_told(tmp_path: Path):
    async with standing(tmp_path, upstream_first_byte="5s") as ground:
        ground.upstream.answers["/a"] = Says(b"", "hang")
        asked = [ground.asks("/a") for _ in range(5)]
        await ground.until(lambda: ground.edge.counts.waiting == 5 and ground.upstream.hanging.is_set())
        await ground.clock.advance(6)
        assert [one.status for one in await asyncio.gather(*asked)] == [504] * 5
        assert ground.upstream.asked == ["GET /a"] * 2, "after three seconds once more, for all who wait"
        await ground.clock.advance(10)


# -- what general passes on --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND", "M-SEARCH", "PURGE", "QUERY"]
)
async def test_general_passes_every_method_its_fields_and_its_body(tmp_path: Path, method: str):
    async with standing(tmp_path) as ground:
        fields = (
            "X-One: 1\r\nAccept-Language: de\r\nCookie: a=b\r\nAuthorization: Basic eA==\r\nContent-Type: text/x\r\n"
        )
        more = fields + 'If-Match: "v"\r\nIf-None-Match: *\r\nRange: bytes=0-1\r\nContent-Length: 4\r\n'
        assert (await ground.gets("/a?q=1", method, more, b"body")).status == 200
        assert ground.upstream.asked == [f"{method} /a?q=1"]
        assert ground.upstream.bodies == [b"body"]
        head = ground.upstream.heads[0].decode()
        for line in more.split("\r\n"):
            assert line.lower() in head.lower()
        assert "Host: h\r\n" in head


async def test_hop_by_hop_fields_end_at_the_edge_both_ways(tmp_path: Path):
    """RFC 9110 §7.6.1: those it knows and those that Connection names."""
    hops = (
        "Connection: x-mine, keep-alive\r\nX-Mine: a\r\nKeep-Alive: timeout=5\r\nTE: trailers\r\nTrailer: x\r\n"
        "Proxy-Connection: keep-alive\r\nProxy-Authorization: b\r\nUpgrade: h2c\r\n"
    )
    async with standing(tmp_path) as ground:
        answer = hops.replace("Proxy-Authorization", "Proxy-Authenticate").encode()
        ground.upstream.answers["/a"] = ok(
            more=FRESH + answer + b"X-End: to-end\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\n"
        )
        got = await ground.gets("/a", more=hops + "X-Theirs: c\r\n")
        sent = ground.upstream.heads[0].lower()
        for name in ("x-mine", "keep-alive", "te", "trailer", "proxy-connection", "proxy-authorization", "upgrade"):
            assert b"\r\n%s:" % name.encode() not in sent
            assert name not in got.headers
        assert "proxy-authenticate" not in got.headers
        assert b"x-theirs: c" in sent
        assert got.headers["x-end"] == "to-end"
        assert [line for line in got.lines if line.startswith("Set-Cookie")] == ["Set-Cookie: a=1", "Set-Cookie: b=2"]


async def test_every_status_and_odd_fields_come_through(tmp_path: Path):
    async with standing(tmp_path) as ground:
        for status in (201, 299, 302, 400, 401, 418, 451, 499, 500, 599, 999):
            ground.upstream.answers[f"/{status}"] = Says(
                b"HTTP/1.1 %d Odd\r\nX-Odd: \xe4\r\nContent-Length: 2\r\n\r\nhi" % status
            )
            got = await ground.gets(f"/{status}")
            assert (got.status, got.body, got.headers["x-odd"]) == (status, b"hi", "ä")


async def test_media_sends_an_allow_list_upstream(tmp_path: Path):
    async with standing(tmp_path, profile="media") as ground:
        more = "Cookie: a=b\r\nX-Forwarded-Host: evil\r\nRange: bytes=0-1\r\ntraceparent: 00-x\r\n"
        await ground.gets("/cdn/eu/t1/v720/1.m4s?CMCD=x", more=more)
        head = ground.upstream.heads[0].decode()
        names = sorted(line.split(":")[0].lower() for line in head.split("\r\n")[1:] if line)
        assert names == ["accept-encoding", "cdn-loop", "host", "range", "traceparent", "via"]
        assert "bytes=0-1\r" not in head  # of the edge's own making: the slice
        assert "accept-encoding: identity" in head.lower()
        assert head.startswith("GET /cdn/eu/t1/v720/1.m4s HTTP/1.1\r\n")


def test_an_entry_is_what_is_stored():
    """The fields that end at a hop, and those made anew for each response, are not part of it."""
    entry = Entry(b"k", 200, [(b"connection", b"x"), (b"x", b"1"), (b"age", b"3"), (b"etag", b'"a"')], 5)
    assert entry.fields == [(b"etag", b'"a"')]
