"""Redirects and links keep the token of the path, inside the title and nowhere else."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from edge.policy.references import Carried, keep_token, moved
from tests.edge.ground import RawUpstream, Says, parsed, standing
from tests.edge.process import edge_process

T = b"/t/a.b.c"
VIEWER = Carried(
    T + b"/cdn/eu/t1/v720/1.m4s", b"Edge.example:8081", b"80", b"/cdn/eu/t1/v720/1.m4s", b"t1", frozenset((b"o1:9000",))
)
TLS = VIEWER._replace(host=b"edge.example", port=b"443")


@pytest.mark.parametrize(
    ("viewer", "reference", "found"),
    [
        (VIEWER, b"/cdn/eu/t1/v480/1.m4s", T + b"/cdn/eu/t1/v480/1.m4s"),
        (VIEWER, b"/cdn/us/t1/a.mpd?x=1#t=2", T + b"/cdn/us/t1/a.mpd?x=1#t=2"),
        (VIEWER, b"http://edge.example.:8081/cdn/eu/t1/a", b"http://edge.example.:8081" + T + b"/cdn/eu/t1/a"),
        (VIEWER, b"//EDGE.example:8081/cdn/eu/t1/a", b"//EDGE.example:8081" + T + b"/cdn/eu/t1/a"),
        (VIEWER, b"http://o1:9000/cdn/eu/t1/a", T + b"/cdn/eu/t1/a"),
        (VIEWER, b"../../../../../../cdn/eu/t1/a", T + b"/cdn/eu/t1/a"),
        (TLS, b"https://edge.example:443/cdn/eu/t1/a", b"https://edge.example:443" + T + b"/cdn/eu/t1/a"),
    ],
)
def test_what_stays_in_the_title_keeps_the_token(viewer: Carried, reference: bytes, found: bytes):
    assert moved(reference, viewer) == found


@pytest.mark.parametrize(
    "reference",
    [
        b"2.m4s", b"../v480/1.m4s", b"?x", b"#a", b"", T + b"/cdn/eu/t1/a", b"/cdn/eu/t10/a", b"/cdn/eu/t2/t1/a", b"/",
        b"/login", b"http://evil.example/cdn/eu/t1/a", b"//evil.example/cdn/eu/t1/a", b"/\\evil.example/cdn/eu/t1/a",
        b"http://edge.example:8081@evil.example/cdn/eu/t1/a", b"http://edge.example:8082/cdn/eu/t1/a",
        b"http://edge.example.evil:8081/cdn/eu/t1/a", b"https:/cdn/eu/t1/a", b"javascript:/cdn/eu/t1/a",
        b"/cdn/eu/t1/../t2/a", b"/cdn/eu/t1/%2e%2e/t2/a", b"http://[/cdn/eu/t1/a", b"/cdn/eu/t1/a b",
        b"http:\\\\edge.example:8081\\cdn/eu/t1/a", b"///evil.example/cdn/eu/t1/a",
    ],
)  # fmt: skip
def test_what_leads_elsewhere_or_has_it_is_left_alone(reference: bytes):
    assert moved(reference, VIEWER) == reference


def test_no_token_goes_from_tls_into_the_clear():
    assert moved(b"http://edge.example/cdn/eu/t1/a", TLS) == b"http://edge.example/cdn/eu/t1/a"


def test_all_fields_that_refer():
    head = (
        b"HTTP/1.1 200 OK\r\nContent-Location: /cdn/eu/t1/a\r\nX-Location: /cdn/eu/t1/a\r\n"
        b"Link: </cdn/eu/t1/2>; rel=preload, <https://evil/cdn/eu/t1/2>\r\nLink: </cdn/eu/t1/3>\r\n"
    )
    assert keep_token(head, VIEWER) == head.replace(b"Content-Location: /", b"Content-Location: /t/a.b.c/").replace(
        b"</", b"</t/a.b.c/"
    )


async def test_first_answers_and_hits_keep_each_viewer_s_own_token(tmp_path: Path):
    """Stored once: what one viewer's token made of it is nobody else's, by the straight way neither."""
    async with standing(tmp_path, profile="media") as ground:
        more = b"Cache-Control: max-age=60\r\nLink: </cdn/eu/t1/v720/2.m4s>; rel=preload\r\n"
        ground.upstream.default = Says(
            b"HTTP/1.1 103 A\r\nLink: </cdn/eu/t1/v720/2.m4s>\r\n\r\nHTTP/1.1 200 OK\r\n"
            + more
            + b"Content-Length: 1\r\n\r\nx"
        )
        for token in ("", "/t/a.b.c", "/t/d.e.f"):
            request = f"GET {token}/cdn/eu/t1/v720/1.m4s HTTP/1.1\r\nHost: h\r\n\r\n".encode()
            for got in parsed(await ground.sends(request * 3)):
                assert f"Link: <{token}/cdn/eu/t1/v720/2.m4s>" in "\n".join(got.lines)
        assert len(ground.upstream.asked) == 1


@pytest.mark.parametrize("status", [b"301", b"302", b"307"])
async def test_a_real_edge_redirects_below_the_token(tmp_path: Path, status: bytes):
    upstream = RawUpstream()
    await upstream.start()
    try:
        with edge_process(tmp_path, upstream.port, profile="media") as edge:
            host = f"http://127.0.0.1:{upstream.port}"
            for number, location in enumerate(
                ("/cdn/eu/t1/a", f"{host}/cdn/eu/t1/a", "http://evil.example/cdn/eu/t1/a")
            ):
                path = f"/cdn/eu/t1/{number}"
                upstream.answers[path] = Says(
                    b"HTTP/1.1 %s A\r\nCache-Control: max-age=60\r\nLocation: %s\r\nContent-Length: 0\r\n\r\n"
                    % (status, location.encode())
                )
                for _ in range(2):
                    got = parsed(await asyncio.to_thread(edge.gets, "/t/a.b.c" + path))[0]
                    evil = location.startswith("http://evil")
                    assert got.fields["location"] == (location if evil else "/t/a.b.c/cdn/eu/t1/a")
    finally:
        upstream.stop()
