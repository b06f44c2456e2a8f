"""CORS on an edge: preflights without credentials, and errors that a page can read."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.doubles.response import read_responses
from tests.edge.ground import Says, ok, standing
from tests.edge.process import Upstream, edge_process

SEG = "/cdn/eu/t1/v720/1.m4s"
PREFLIGHT = (
    "Origin: https://a\r\nAccess-Control-Request-Method: GET\r\n"
    "Access-Control-Request-Headers: cmcd-object,cmcd-request,cmcd-session,cmcd-status,range,"
    "traceparent,authorization\r\n"
)
LISTED = [{"path": "*.m4s", "cors": ["https://a"]}]


def no_keys(folder: Path) -> dict[str, str]:
    keys = folder / "jwks.json"
    keys.write_text('{"keys": []}')
    return {"profile": "media", "tokens": "required", "keys": str(keys)}


@pytest.mark.parametrize("path", [SEG, "/t/a.b.c" + SEG, SEG + "?token=a.b.c&token=d.e.f"])
async def test_a_preflight_needs_no_token(tmp_path: Path, path: str):
    """It carries no credentials, and a page that is refused here could never show one."""
    async with standing(tmp_path, **no_keys(tmp_path)) as ground:
        got = await ground.gets(path, "OPTIONS", PREFLIGHT + "Access-Control-Request-Private-Network: true\r\n")
        assert (got.status, got.headers["access-control-allow-origin"]) == (204, "*")
        allowed = {name.strip().lower() for name in got.headers["access-control-allow-headers"].split(",")}
        assert set(PREFLIGHT.rpartition(": ")[2].strip().split(",")) <= allowed
        assert "access-control-allow-private-network" not in got.headers
        assert ground.upstream.asked == []


@pytest.mark.parametrize("routes", [[], LISTED], ids=["everybody", "listed"])
async def test_a_page_can_read_why_it_was_refused(tmp_path: Path, routes: list[dict[str, object]]):
    """401, 405, 504, 416, 412, an upstream's 404 and what fails: the route's word, and Vary where it depends."""
    said: dict[int, tuple[str | None, bool, str | None]] = {}

    def notes(status: int, fields: dict[str, str]) -> None:
        exposed = "access-control-expose-headers" in fields
        said[status] = (fields.get("access-control-allow-origin"), exposed, fields.get("vary"))

    async with standing(tmp_path, routes=routes, **no_keys(tmp_path)) as ground:
        for path, method, more, body in (
            (SEG, "GET", "", b""), (SEG, "DELETE", "", b""), (SEG, "POST", "Content-Length: 1\r\n", b"x"),
        ):  # fmt: skip
            got = await ground.gets(path, method, f"Origin: https://a\r\n{more}", body)
            notes(got.status, got.headers)
    async with standing(tmp_path, routes=routes, profile="media") as ground:
        ground.upstream.answers |= {
            "/cdn/eu/t1/v720/2.m4s": Says(b"nonsense", then="close"),
            "/cdn/eu/t1/v720/3.m4s": Says(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"),
        }
        ground.upstream.default = ok(b"hello", b'ETag: "a"\r\nCache-Control: max-age=60\r\n')
        for number, more in (
            (1, "Range: bytes=9-\r\n"), (1, 'If-Match: "b"\r\n'), (1, 'If-None-Match: "a"\r\n'), (2, ""), (3, ""),
            (4, "Cache-Control: only-if-cached\r\n"), (1, "CDN-Loop: e\r\n"),
        ):  # fmt: skip
            got = await ground.gets(f"/cdn/eu/t1/v720/{number}.m4s", more=f"Origin: https://a\r\n{more}")
            notes(got.status, got.headers)
    assert set(said) == {401, 405, 416, 412, 304, 502, 404, 504, 508}
    assert set(said.values()) == {("https://a", True, "Origin") if routes else ("*", True, None)}


async def test_general_answers_preflights_where_cors_is_its_own(tmp_path: Path):
    """Else upstream is asked, as for any OPTIONS; its words were dropped and the page was never let in."""
    async with standing(tmp_path, profile="general", routes=[{"path": "/own/", "cors": ["https://a"]}]) as ground:
        got = await ground.gets("/own/a", "OPTIONS", PREFLIGHT.replace("GET", "PUT"))
        assert (got.status, got.headers["access-control-allow-origin"]) == (204, "https://a")
        assert "PUT" in got.headers["access-control-allow-methods"]
        assert "*" in got.headers["access-control-allow-headers"]
        assert ground.upstream.asked == []
        await ground.gets("/own/a", "OPTIONS", "Origin: https://a\r\n")
        await ground.gets("/other", "OPTIONS", PREFLIGHT)
        assert ground.upstream.asked == ["OPTIONS /own/a", "OPTIONS /other"]


async def test_a_real_edge_answers_a_preflight_and_a_refusal_with_cors(tmp_path: Path):
    with Upstream() as upstream, edge_process(tmp_path, upstream.port, **no_keys(tmp_path)) as edge:

        def asks(method: str) -> bytes:
            with edge.connect() as sock:
                sock.sendall(f"{method} {SEG} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n{PREFLIGHT}\r\n".encode())
                return sock.recv(65536)

        for method, status in (("OPTIONS", 204), ("GET", 401)):
            got = read_responses(await asyncio.to_thread(asks, method))[0]
            assert (got.status, got.headers["access-control-allow-origin"]) == (status, "*")
        assert upstream.heads == []
