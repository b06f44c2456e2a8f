"""Request fields that Connection names: gone before anything is decided by them (RFC 9110 §7.6.1)."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from edge.wire.head import Limits, read_head
from edge.wire.request import Request
from tests.doubles.response import read_responses
from tests.edge.ground import RawUpstream, ok, standing
from tests.edge.process import edge_process

VARYING = b"Cache-Control: max-age=60\r\nVary: Accept-Language\r\n"


@pytest.mark.parametrize(
    ("connection", "fields", "left"),
    [
        ("accept-language", "Accept-Language: de", {}),
        ("close, X-A , x-b", "X-A: 1\r\nX-B: 2\r\nX-C: 3", {b"x-c": b"3"}),
        ("Range,If-None-Match", 'Range: bytes=0-1\r\nIf-None-Match: "a"', {}),
        ("x-a\r\nConnection: x-b", "X-A: 1\r\nX-B: 2", {}),
        ("cache-control", "Cache-Control: no-store", {b"cache-control": b"no-store"}),
        ("authorization, cookie", "Authorization: Bearer x\r\nCookie: a=b",
         {b"authorization": b"Bearer x", b"cookie": b"a=b"}),
        ("x-forwarded-for, forwarded, via", "X-Forwarded-For: ::1\r\nForwarded: for=a\r\nVia: 1.1 a",
         {b"x-forwarded-for": b"::1", b"forwarded": b"for=a", b"via": b"1.1 a"}),
        ("cdn-loop, max-forwards, origin", "CDN-Loop: a\r\nMax-Forwards: 1\r\nOrigin: https://a",
         {b"cdn-loop": b"a", b"max-forwards": b"1", b"origin": b"https://a"}),
        ("host, content-length, transfer-encoding, expect", "Content-Length: 1\r\nExpect: 100-continue",
         {b"content-length": b"1", b"expect": b"100-continue"}),
        ("connection, keep-alive", "Keep-Alive: 5", {}),
    ],
)  # fmt: skip
def test_what_connection_names_is_no_field_of_the_request(connection: str, fields: str, left: dict[bytes, bytes]):
    """But no proxy's word, no credentials, no framing: who could name those would change what others decided."""
    head = f"GET / HTTP/1.1\r\nHost: h\r\nConnection: {connection}\r\n{fields}\r\n".encode()
    request = read_head(head, Limits(body=1))
    assert isinstance(request, Request)
    assert request.fields.pop(b"host") == b"h"
    del request.fields[b"connection"]
    assert request.fields == left


async def test_a_field_that_upstream_never_saw_chooses_no_alternate(tmp_path: Path):
    """The attack: Vary by a value that Connection took away poisons the alternate of all who really send it."""
    async with standing(tmp_path, profile="general") as ground:
        ground.upstream.default = ok(b"default", VARYING)
        await ground.gets("/a", more="Connection: accept-language\r\nAccept-Language: de\r\n")
        assert b"Accept-Language" not in ground.upstream.heads[0]
        ground.upstream.default = ok(b"deutsch", VARYING)
        assert (await ground.gets("/a", more="Accept-Language: de\r\n")).body == b"deutsch"
        assert (await ground.gets("/a")).body == b"default"


async def test_a_keyed_field_is_keyed_as_upstream_sees_it(tmp_path: Path):
    route = {"path": "*.vtt", "key-fields": "accept-language"}
    async with standing(tmp_path, profile="media", routes=[route]) as ground:
        path = "/cdn/eu/t1/subs/a.vtt"
        ground.upstream.default = ok(b"default")
        await ground.gets(path, more="Connection: accept-language\r\nAccept-Language: de\r\n")
        ground.upstream.default = ok(b"deutsch")
        assert (await ground.gets(path, more="Accept-Language: de\r\n")).body == b"deutsch"


async def test_no_store_and_credentials_count_whatever_connection_says(tmp_path: Path):
    async with standing(tmp_path, profile="general") as ground:
        for field in ("Authorization: Basic eA==", "Cache-Control: no-store"):
            name, path = field.partition(":")[0], f"/{len(field)}"
            ground.upstream.default = ok(b"theirs")
            await ground.gets(path, more=f"Connection: {name}\r\n{field}\r\n")
            assert field.encode() in ground.upstream.heads[-1]
            ground.upstream.default = ok(b"all")
            assert (await ground.gets(path)).body == b"all"


async def test_real_edge_and_shield_poisoned_by_no_connection_and_no_cdn_loop(tmp_path: Path):
    upstream = RawUpstream()
    await upstream.start()
    try:
        upstream.default = ok(b"default", VARYING)
        with (
            edge_process(tmp_path, upstream.port, program="shield", name="s", id="s1", profile="general") as shield,
            edge_process(tmp_path, shield.address[1], profile="general") as edge,
        ):
            evil = "Connection: accept-language\r\nAccept-Language: de\r\n"
            await asyncio.to_thread(edge.gets, "/a", evil)
            upstream.default = ok(b"deutsch", VARYING)
            got = read_responses(await asyncio.to_thread(edge.gets, "/a", "Accept-Language: de\r\n"))[0]
            assert got.body == b"deutsch"
        with (
            edge_process(tmp_path, upstream.port, program="shield", name="s", id="s1", profile="media") as shield,
            edge_process(tmp_path, shield.address[1], profile="media") as edge,
        ):
            got = read_responses(await asyncio.to_thread(edge.gets, "/cdn/eu/t1/v720/1.m4s", "CDN-Loop: s1\r\n"))[0]
            assert got.status == 200
            got = read_responses(await asyncio.to_thread(edge.gets, "/cdn/eu/t1/v720/2.m4s", "CDN-Loop: x, e;a=b\r\n"))[
                0
            ]
            assert got.status == 508
    finally:
        upstream.stop()
