"""Answers of the edge's own making, by a viewer's bytes."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.doubles.response import read_responses
from tests.edge.ground import Ground, standing


@pytest.fixture
async def ground(tmp_path: Path) -> AsyncIterator[Ground]:
    async with standing(tmp_path, profile="media") as made:
        yield made


PATH = "/cdn/eu/t/v/1.m4s"


async def test_each_says_when_by_whom_and_why(ground: Ground):
    """RFC 9110 §6.6.1, §7.6.3; RFC 9211 §2.8."""
    for method, path, status, why in (
        ("OPTIONS", PATH, 204, "preflight"), ("DELETE", PATH, 405, "method"), ("GET", "/elsewhere", 404, "not-found"),
    ):  # fmt: skip
        got = await ground.gets(path, method)
        assert (got.status, got.headers["cache-status"]) == (status, f"e; detail={why}")
        assert {"date", "via"} <= set(got.headers)
    assert ground.upstream.asked == []


async def test_a_method_that_is_not_served_hears_which_are(ground: Ground):
    """RFC 9110 §15.5.6."""
    assert (await ground.gets(PATH, "PATCH")).headers["allow"] == "GET, HEAD, OPTIONS"


async def test_no_answer_to_a_head_has_a_body(ground: Ground):
    data = await ground.sends(b"HEAD /elsewhere HTTP/1.1\r\nHost: h\r\n\r\n")
    assert data.endswith(b"\r\n\r\n")
    assert read_responses(data, "HEAD")[0].status == 404


@pytest.mark.parametrize(("version", "told"), [("1.1", None), ("1.0", "keep-alive")])
async def test_what_is_said_of_the_connection(ground: Ground, version: str, told: str | None):
    """RFC 9112 §9.3: HTTP/1.0 is told that it stays."""
    data = await ground.sends(f"OPTIONS {PATH} HTTP/{version}\r\nHost: h\r\nConnection: keep-alive\r\n\r\n".encode())
    assert read_responses(data)[0].headers.get("connection") == told


async def test_what_may_go_no_further_is_answered_here(tmp_path: Path):
    """RFC 9110 §7.6.2, §9.3.7, §9.3.8."""
    async with standing(tmp_path) as ground:
        options = await ground.gets("*", "OPTIONS", "Max-Forwards: 0\r\n")
        assert (options.status, options.body, "DELETE" in options.headers["allow"]) == (200, b"", True)
        trace = await ground.gets("/a", "TRACE", "Max-Forwards: 0\r\nCookie: secret\r\nX-Own: 1\r\n")
        assert trace.headers["content-type"] == "message/http"
        assert trace.body.startswith(b"TRACE /a HTTP/1.1\r\n")
        assert b"x-own: 1\r\n" in trace.body
        assert b"secret" not in trace.body
        assert ground.upstream.asked == []


async def test_only_what_is_cached(ground: Ground):
    """RFC 9111 §5.2.1.7."""
    got = await ground.gets(PATH, more="Cache-Control: only-if-cached\r\n")
    assert (got.status, got.headers["cache-status"]) == (504, "e; detail=not-cached")
