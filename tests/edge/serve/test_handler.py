"""Requests in, on a real edge: what is refused and reaches nobody, what is answered, in order, once."""

import asyncio
import json
from pathlib import Path

import pytest

from edge.serve.listener import bytes_queued
from edge.wire.http1_server import Connection
from tests.doubles.response import read_responses
from tests.edge.ground import ok, standing
from tests.edge.wire.bad_requests import GET, REFUSED

SEGMENT = "/cdn/eu/title1/v720/00001.m4s"


@pytest.mark.parametrize("profile", ["general", "media"])
@pytest.mark.parametrize("warm", [False, True])
async def test_bad_requests_are_refused_and_reach_nobody(tmp_path: Path, profile: str, warm: bool):
    """The right status, `Connection: close`, a problem document, nothing upstream, and the edge goes on; also where
    the same lines were good before."""
    wrong = {}
    async with standing(tmp_path, profile=profile) as ground:
        if warm:
            for _ in range(3):
                await ground.sends(f"GET {SEGMENT} HTTP/1.1\r\nHost: a\r\n\r\n".encode() * 3)
                await ground.sends(GET + b"\r\n")
        before = len(ground.upstream.asked)
        for name, (status, data) in REFUSED.items():
            if status == 413 or data.startswith(b"HEAD "):
                continue  # general takes larger bodies, and HEAD gets none: see below
            got = read_responses(await ground.sends(data))
            if len(got) != 1:
                wrong[name] = [one.status for one in got]
                continue
            said = json.loads(got[0].body)
            fine = got[0].status == status or (profile == "media" and got[0].status == 405)
            fine = fine and got[0].headers["connection"] == "close" and said["status"] == got[0].status
            fine = fine and got[0].headers["content-type"] == "application/problem+json" and said["reason"]
            if not fine or len(ground.upstream.asked) != before:
                wrong[name] = (got[0], ground.upstream.asked[before:])
                before = len(ground.upstream.asked)
        assert not wrong
        assert (await ground.gets(SEGMENT)).body == b"hello"


async def test_a_refused_head_gets_no_body(tmp_path: Path):
    """RFC 9110 §9.3.2, also where the HEAD is malformed."""
    async with standing(tmp_path) as ground:
        for bad in (
            b"HEAD /a HTTP/1.1\r\n\r\n",
            b"HEAD /a HTTP/1.1\r\nHost : h\r\n\r\n",
            b"HEAD a HTTP/1.1\r\nHost: h\r\n\r\n",
        ):
            got = await ground.sends(bad)
            assert got.startswith(b"HTTP/1.1 400 ")
            assert got.endswith(b"\r\n\r\n")


async def test_a_method_that_nobody_knows_is_passed_on(tmp_path: Path):
    """RFC 9110 §9.1: to the origin, which may know it, with its body and letter by letter."""
    async with standing(tmp_path) as ground:
        ground.upstream.default = ok(more=b"")
        for method in ("FOO", "get", "X-Y!"):
            assert (await ground.gets("/a", method, "Content-Length: 3\r\n", b"abc")).status == 200
        assert ground.upstream.asked == ["FOO /a", "get /a", "X-Y! /a"]
        assert ground.upstream.bodies == [b"abc"] * 3


def pipelined(paths: list[str]) -> bytes:
    return b"".join(f"GET {path} HTTP/1.1\r\nHost: h\r\n\r\n".encode() for path in paths)


@pytest.mark.parametrize("step", [None, 1, 100])
async def test_pipelined_hits_and_misses_come_in_order(tmp_path: Path, step: int | None):
    """Hits wait for the misses before them; none is lost, none comes twice."""
    paths = [f"/{number % 7}" for number in range(60)] + [f"/cold{number}" for number in range(20)]
    async with standing(tmp_path) as ground:
        for path in set(paths):
            ground.upstream.answers[path] = ok(path.encode() * 100)
        got = read_responses(await ground.sends(pipelined(paths), step))
        assert [one.body for one in got] == [path.encode() * 100 for path in paths]
        assert len(ground.upstream.asked) == len(set(paths))


async def test_large_hits_are_pipelined_too(tmp_path: Path):
    """Bodies larger than the socket takes at once, whatever way they are sent."""
    async with standing(tmp_path) as ground:
        for name, size in (("/s", 10), ("/m", 100_000), ("/l", 3_000_000)):
            ground.upstream.answers[name] = ok(name[1:].encode() * size)
        paths = ["/l", "/s", "/m", "/l", "/s", "/l", "/m", "/s"]
        for _ in range(2):
            got = read_responses(await ground.sends(pipelined(paths)))
            assert [one.body[:1].decode() for one in got] == [path[1:] for path in paths]
            assert all(one.whole and len(set(one.body)) == 1 for one in got)
        assert len(ground.upstream.asked) == 3


async def test_good_requests_before_a_bad_one_are_answered(tmp_path: Path):
    async with standing(tmp_path) as ground:
        got = read_responses(
            await ground.sends(pipelined(["/a", "/b"]) + b"GET / HTTP/1.1\r\nHost : h\r\n\r\n" + pipelined(["/c"]))
        )
        assert [one.status for one in got] == [200, 200, 400]
        assert ground.upstream.asked == ["GET /a", "GET /b"]


async def test_a_refusal_arrives_though_the_viewer_goes_on_sending(tmp_path: Path):
    """RFC 9112 §9.6: no reset takes it away, whatever still comes in."""
    async with standing(tmp_path) as ground:
        got = read_responses(await ground.sends(b"GET / HTTP/1.1\r\nHost : h\r\n\r\n" + bytes(5_000_000), 500_000))
        assert [one.status for one in got] == [400]


async def test_head_has_the_fields_of_get_and_no_body(tmp_path: Path):
    async with standing(tmp_path) as ground:
        await ground.gets("/a")
        whole, head = await ground.gets("/a"), await ground.gets("/a", "HEAD")
        assert head.body == b""
        assert head.headers | {"connection": "close"} == whole.headers | {"connection": "close"}
        assert ground.upstream.asked == ["GET /a"]


async def test_a_viewer_who_leaves_early_harms_nobody(tmp_path: Path):
    """In the head, and while his answer is awaited."""
    async with standing(tmp_path) as ground:
        for data in (b"", b"GET /a HT", b"GET /b HTTP/1.1\r\nHost: h\r\n\r\n"):
            _, writer = await ground.connect()
            writer.write(data)
            await writer.drain()
            writer.transport.abort()
        await ground.until(lambda: not ground.edge.handler.connections)
        assert (await ground.gets("/b")).body == b"hello"


@pytest.mark.parametrize("profile", ["general", "media"])
async def test_upgrades_are_ignored_and_their_followers_answered(tmp_path: Path, profile: str):
    more = "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQ\r\n"
    async with standing(tmp_path, profile=profile) as ground:
        one = f"GET {SEGMENT} HTTP/1.1\r\nHost: h\r\n{more}\r\n".encode()
        got = read_responses(await ground.sends(one * 3 + pipelined([SEGMENT])))
        assert [response.body for response in got] == [b"hello"] * 4
        assert b"upgrade" not in ground.upstream.heads[0].lower()
        assert b"http2-settings" not in ground.upstream.heads[0].lower()


@pytest.mark.parametrize(
    ("method", "status"), [("POST", 405), ("PUT", 405), ("TRACE", 405), ("DELETE", 405), ("CONNECT", 405)]
)
async def test_media_knows_three_methods(tmp_path: Path, method: str, status: int):
    async with standing(tmp_path, profile="media") as ground:
        refused = await ground.gets(SEGMENT, method)
        assert refused.status == status
        assert refused.headers["allow"] == "GET, HEAD, OPTIONS"
        allowed = await ground.gets(SEGMENT, "OPTIONS")
        assert allowed.status == 204
        assert ground.upstream.asked == []


async def test_general_never_tunnels(tmp_path: Path):
    async with standing(tmp_path) as ground:
        for target in ("h:443", "/a"):
            assert 400 <= (await ground.gets(target, "CONNECT")).status < 500
        assert ground.upstream.asked == []


async def test_bodies_of_general_are_passed_on(tmp_path: Path):
    """Larger than a segment and than a head may be; by length and by chunks; and what follows is the next request."""
    body = bytes(range(256)) * 1000
    async with standing(tmp_path) as ground:
        chunked = b"".join(
            b"%x\r\n%s\r\n" % (len(body[at : at + 9999]), body[at : at + 9999]) for at in range(0, len(body), 9999)
        )
        sent = b"POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)
        sent += b"PUT /b HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n%s0\r\n\r\n" % chunked
        got = read_responses(await ground.sends(sent + pipelined(["/c"])))
        assert [one.status for one in got] == [200] * 3
        assert ground.upstream.asked == ["POST /a", "PUT /b", "GET /c"]
        assert ground.upstream.bodies == [body, body, b""]


async def test_a_body_beyond_the_limit_is_refused(tmp_path: Path):
    """Before it is sent, where its length says so; as soon as it is too large otherwise: no upstream gets the whole."""
    async with standing(tmp_path) as ground:
        told = await ground.gets("/a", "POST", f"Content-Length: {(16 << 20) + 1}\r\nExpect: 100-continue\r\n")
        chunk = b"100000\r\n%s\r\n" % bytes(1 << 20)
        found = await ground.gets("/a", "POST", "Transfer-Encoding: chunked\r\n", chunk * 17)
        assert [told.status, found.status] == [413, 413]
        assert ground.upstream.bodies == []


async def test_a_handler_that_fails_cuts_its_connection_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A bug of ours is reported as one and is never a 400."""
    async with standing(tmp_path) as ground:
        reported = []
        asyncio.get_running_loop().set_exception_handler(lambda loop, context: reported.append(context))
        with monkeypatch.context() as patched:
            patched.setattr(ground.edge.handler, "_route", lambda request, routes: 1 / 0)
            assert await ground.sends(pipelined(["/a"])) == b""
        assert isinstance(reported[0]["exception"], ZeroDivisionError)
        assert (await ground.gets("/a")).status == 200


def only(ground) -> Connection:
    """The one connection there is."""
    (connection,) = ground.edge.handler.connections
    return connection


async def test_a_trickled_head_is_refused_after_ten_seconds(tmp_path: Path):
    """However many bytes come, the head must be whole by then."""
    async with standing(tmp_path) as ground:
        reader, writer = await ground.connect()
        for number, byte in enumerate(b"GET /a HTTP"):
            writer.write(bytes((byte,)))
            await ground.until(
                lambda number=number: any(len(c._rest) > number for c in ground.edge.handler.connections)
            )
            await ground.clock.advance(1)
        got = read_responses(await reader.read())
        assert [one.status for one in got] == [408]
        assert got[0].headers["connection"] == "close"
        writer.close()


async def test_a_connection_that_says_nothing_is_closed(tmp_path: Path):
    async with standing(tmp_path) as ground:
        reader, writer = await ground.connect()
        await ground.until(lambda: bool(ground.edge.handler.connections))
        await ground.clock.advance(12)
        assert await reader.read() == b""
        writer.close()


async def test_a_viewer_who_stops_reading_is_cut_and_one_who_reads_slowly_is_not(tmp_path: Path):
    """The response is larger than what the sockets hold; a minute without a byte taken ends it."""
    async with standing(tmp_path, ram="64MiB", max_object="32MiB", slice_over="32MiB") as ground:
        body = bytes(24 << 20)
        ground.upstream.answers["/a"] = ok(body)
        await ground.gets("/a")
        reader, writer = await ground.connect()
        writer.write(pipelined(["/a"]))
        await ground.until(lambda: any(c.paused for c in ground.edge.handler.connections))
        connection = only(ground)
        for _ in range(8):
            before = bytes_queued(connection)
            await reader.readexactly(1 << 20)
            await ground.until(lambda before=before: bytes_queued(connection) < before)
            await ground.clock.advance(30)
        assert connection in ground.edge.handler.connections
        await ground.clock.advance(150)
        await ground.until(lambda: connection not in ground.edge.handler.connections)
        writer.close()
