"""Which status, which head, which bytes of a stored response a request gets."""

import asyncio
import json
from pathlib import Path

import pytest

from cache.entry import Entry
from edge.policy.response_head import (
    Carried,
    Selection,
    boundary,
    head,
    is_plain,
    keep_token,
    multipart,
    problem,
    rewrite_reference,
    select,
)
from kernel.http.ranges import ByteRange
from tests.doubles.response import read_responses
from tests.edge.ground import RawUpstream, Says, standing
from tests.edge.process import edge_process

FIELDS = [
    (b"content-type", b"video/mp4"), (b"etag", b'"a"'), (b"last-modified", b"Mon, 01 Jun 2026 00:00:00 GMT"),
    (b"cache-control", b"max-age=60"), (b"x-other", b"1"), (b"date", b"Mon, 01 Jun 2026 00:00:01 GMT"),
    (b"vary", b"accept"), (b"content-language", b"de"), (b"surrogate-key", b"t1"),
]  # fmt: skip
BODY = b"0123456789"


def entry(status: int = 200, fields=FIELDS, length: int | None = 10) -> Entry:
    return Entry(b"key", status, list(fields), length)


def asked(**fields: bytes) -> dict[bytes, bytes]:
    return {name.replace("_", "-").encode(): value for name, value in fields.items()}


@pytest.mark.parametrize(
    ("request_fields", "found"),
    [
        ({}, (200, 0, 10)),
        (asked(range=b"bytes=0-3"), (206, 0, 4)),
        (asked(range=b"bytes=4-"), (206, 4, 10)),
        (asked(range=b"bytes=-3"), (206, 7, 10)),
        (asked(range=b"bytes=5-99"), (206, 5, 10)),
        (asked(range=b"bytes=0-9"), (206, 0, 10)),
        (asked(range=b"bytes=10-"), (416, 0, 0)),
        (asked(range=b"bytes=-0"), (416, 0, 0)),
        (asked(range=b"bytes=5-4"), (200, 0, 10)),
        (asked(range=b"lines=0-3"), (200, 0, 10)),
        (asked(range=b"bytes=a-b"), (200, 0, 10)),
        (asked(range=b"bytes=0-1,1-2"), (200, 0, 10)),
        (asked(range=b"bytes=0-3", if_range=b'"a"'), (206, 0, 4)),
        (asked(range=b"bytes=0-3", if_range=b'"b"'), (200, 0, 10)),
        (asked(range=b"bytes=0-3", if_range=b'W/"a"'), (200, 0, 10)),
        (asked(range=b"bytes=0-3", if_range=b"Mon, 01 Jun 2026 00:00:00 GMT"), (206, 0, 4)),
        (asked(if_none_match=b'"a"'), (304, 0, 0)),
        (asked(if_none_match=b'W/"a"'), (304, 0, 0)),
        (asked(if_none_match=b'"x", "a"'), (304, 0, 0)),
        (asked(if_none_match=b"*"), (304, 0, 0)),
        (asked(if_none_match=b'"b"'), (200, 0, 10)),
        (asked(if_none_match=b'"b"', if_modified_since=b"Mon, 01 Jun 2026 00:00:00 GMT"), (200, 0, 10)),
        (asked(if_modified_since=b"Mon, 01 Jun 2026 00:00:00 GMT"), (304, 0, 0)),
        (asked(if_modified_since=b"Sun, 31 May 2026 00:00:00 GMT"), (200, 0, 10)),
        (asked(if_none_match=b'"a"', range=b"bytes=0-3"), (304, 0, 0)),
        (asked(if_match=b'"a"'), (200, 0, 10)),
        (asked(if_match=b'"x", "a"', range=b"bytes=0-3"), (206, 0, 4)),
        (asked(if_match=b"*"), (200, 0, 10)),
        (asked(if_match=b'W/"a"'), (412, 0, 0)),
        (asked(if_match=b'"b"', range=b"bytes=0-3"), (412, 0, 0)),
        (asked(if_match=b'"b"', if_none_match=b'"a"'), (412, 0, 0)),
        (asked(if_match=b'"a"', if_none_match=b'"a"'), (304, 0, 0)),
        (asked(if_match=b'"a"', if_unmodified_since=b"Sun, 31 May 2026 00:00:00 GMT"), (200, 0, 10)),
        (asked(if_unmodified_since=b"Mon, 01 Jun 2026 00:00:00 GMT"), (200, 0, 10)),
        (asked(if_unmodified_since=b"Sun, 31 May 2026 00:00:00 GMT"), (412, 0, 0)),
        (asked(if_unmodified_since=b"yesterday"), (200, 0, 10)),
    ],
)
def test_what_of_a_200_is_sent(request_fields: dict, found: tuple):
    """RFC 9110 §13.2.2, §14.2."""
    assert select(entry(), request_fields, 10)[:3] == found


def test_an_upstream_without_dates_makes_no_412_by_them():
    """RFC 9110 §13.1.4."""
    undated = entry(fields=[(b"content-type", b"video/mp4")])
    assert select(undated, asked(if_unmodified_since=b"Sun, 31 May 2026 00:00:00 GMT"), 10).status == 200
    assert select(undated, asked(if_match=b'"a"'), 10).status == 412


def test_the_head_of_a_412_says_what_there_is_instead():
    made = lines(head(entry(), Selection(412, 0, 0), 10, b"X: y\r\n"))
    assert made[0] == b"HTTP/1.1 412 Precondition Failed"
    assert {line.partition(b":")[0] for line in made[1:]} == {
        b"Date", b"ETag", b"Last-Modified", b"Vary", b"Content-Length", b"X",
    }  # fmt: skip
    assert b"Content-Length: 0" in made


def test_several_ranges_are_parts():
    found = select(entry(), asked(range=b"bytes=0-1, 5-6"), 10)
    assert found == Selection(206, 0, None, (ByteRange(0, 2), ByteRange(5, 7)))


@pytest.mark.parametrize("status", [404, 301, 500])
def test_ranges_and_conditions_are_for_a_200(status: int):
    request = asked(range=b"bytes=0-3", if_none_match=b'"a"')
    assert select(entry(status), request, 10) == Selection(status, 0, 10)


def test_no_range_while_the_length_is_not_known():
    assert select(entry(length=None), asked(range=b"bytes=0-3"), None) == Selection(200, 0, None)


def test_a_range_of_an_empty_body_cannot_be_satisfied():
    assert select(entry(length=0), asked(range=b"bytes=0-3"), 0).status == 416


@pytest.mark.parametrize(
    ("fields", "found"),
    [
        ({}, True), (asked(accept=b"x"), True), (asked(range=b"x"), False), (asked(if_none_match=b"x"), False),
        (asked(if_modified_since=b"x"), False),
    ],
)  # fmt: skip
def test_who_goes_the_straight_way(fields: dict, found: bool):
    assert is_plain(fields) is found


def lines(made: bytes) -> list[bytes]:
    assert made.endswith(b"\r\n")
    assert not made.endswith(b"\r\n\r\n")
    return made.split(b"\r\n")[:-1]


def test_the_head_of_the_whole():
    made = lines(head(entry(), Selection(200, 0, 10), 10, b"X-Own: 1\r\n"))
    assert made[0] == b"HTTP/1.1 200 OK"
    assert b'ETag: "a"' in made
    assert {b"Accept-Ranges: bytes", b"Content-Length: 10", b"X-Own: 1"} <= set(made)


def test_the_head_of_a_range():
    made = lines(head(entry(), Selection(206, 2, 5), 10, b""))
    assert made[0] == b"HTTP/1.1 206 Partial Content"
    assert {b"Content-Range: bytes 2-4/10", b"Content-Length: 3"} <= set(made)


def test_the_head_of_a_304_has_what_it_must_and_nothing_of_the_body():
    """RFC 9110 §15.4.5."""
    made = lines(head(entry(), Selection(304, 0, 0), 10, b"X-Own: 1\r\n"))
    names = {line.split(b":")[0].lower() for line in made[1:]}
    kept = {b"etag", b"last-modified", b"cache-control", b"date", b"vary", b"surrogate-key"}
    assert names == kept | {b"x-other", b"x-own"}


def test_the_head_of_a_416_says_how_long_it_is():
    """RFC 9110 §15.5.17."""
    made = lines(head(entry(), Selection(416, 0, 0), 10, b""))
    assert {b"Content-Range: bytes */10", b"Content-Length: 0"} <= set(made)


def test_a_body_of_unknown_length_is_chunked_or_ends_with_the_connection():
    whole = Selection(200, 0, None)
    assert b"Transfer-Encoding: chunked" in lines(head(entry(), whole, None, b"", chunked=True))
    bare = head(entry(), whole, None, b"")
    assert b"transfer-encoding" not in bare.lower()
    assert b"content-length" not in bare.lower()


def test_a_204_has_no_length():
    """RFC 9110 §8.6."""
    assert b"content-length" not in head(entry(204, length=0), Selection(204, 0, 0), 0, b"").lower()


def test_parts_are_what_the_head_says():
    """RFC 9110 §14.6: their size, their boundary, their bytes."""
    selection = select(entry(), asked(range=b"bytes=0-1,8-"), 10)
    made = lines(head(entry(), selection, 10, b""))
    body = b"".join(bytes(piece) for piece in multipart(entry(), BODY, selection.parts, 10))
    assert b"Content-Length: %d" % len(body) in made
    assert b"Content-Type: multipart/byteranges; boundary=" + boundary(entry()) in made
    assert sum(line.lower().startswith(b"content-type:") for line in made) == 1
    mark = b"--" + boundary(entry())
    start, first, second, end = body.split(mark)
    assert (start, end) == (b"", b"--\r\n")
    assert first == b"\r\nContent-Type: video/mp4\r\nContent-Range: bytes 0-1/10\r\n\r\n01\r\n"
    assert second == b"\r\nContent-Type: video/mp4\r\nContent-Range: bytes 8-9/10\r\n\r\n89\r\n"


def test_a_problem_is_a_whole_response():
    made = problem(451, "country", 'not "here"', b"X-Own: 1\r\n")
    top, _, body = made.partition(b"\r\n\r\n")
    document = json.loads(body)
    assert document == {
        "type": "urn:matinee:problem:country", "title": "Unavailable For Legal Reasons", "status": 451,
        "reason": "country", "detail": "not \"here\"",
    }  # fmt: skip
    assert {b"X-Own: 1", b"Cache-Control: no-store", b"Content-Length: %d" % len(body)} <= set(top.split(b"\r\n"))
    assert problem(451, "country", 'not "here"', b"X-Own: 1\r\n", head_only=True) == top + b"\r\n\r\n"
    assert "detail" not in json.loads(problem(404, "not-found", "", b"").partition(b"\r\n\r\n")[2])


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
    assert rewrite_reference(reference, viewer) == found


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
    assert rewrite_reference(reference, VIEWER) == reference


def test_no_token_goes_from_tls_into_the_clear():
    assert rewrite_reference(b"http://edge.example/cdn/eu/t1/a", TLS) == b"http://edge.example/cdn/eu/t1/a"


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
            for got in read_responses(await ground.sends(request * 3)):
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
                    got = read_responses(await asyncio.to_thread(edge.gets, "/t/a.b.c" + path))[0]
                    evil = location.startswith("http://evil")
                    assert got.headers["location"] == (location if evil else "/t/a.b.c/cdn/eu/t1/a")
    finally:
        upstream.stop()
