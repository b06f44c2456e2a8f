"""From decoded fields to a Request. What is malformed is in test_h2spec.py, as bytes."""

from __future__ import annotations

import pytest

from edge.wire.h2.request_fields import BrokenFields, check_trailers, read_fields
from edge.wire.head import Limits, read_head
from edge.wire.request import Malformed, Request

BASE = [(b":method", b"GET"), (b":scheme", b"https"), (b":path", b"/a?b"), (b":authority", b"e.example")]


def read(*more: tuple[bytes, bytes], **pseudo: bytes | None) -> Request | Malformed | BrokenFields:
    base = dict(BASE) | {b":" + name.encode(): value for name, value in pseudo.items()}
    return read_fields([(name, value) for name, value in base.items() if value is not None] + list(more), Limits())


def test_a_request_is_what_it_is_over_http_1_1() -> None:
    made = read(
        (b"range", b"bytes=0-1"), (b"cookie", b"a=b"), (b"cookie", b"c=d"), (b"accept", b"x"), (b"accept", b"y")
    )
    same = read_head(
        b"GET /a?b HTTP/1.1\r\nRange: bytes=0-1\r\nCookie: a=b; c=d\r\nAccept: x, y\r\nHost: e.example\r\n", Limits()
    )
    assert isinstance(made, Request)
    assert isinstance(same, Request)
    assert (made.method, made.target, made.fields) == (same.method, same.target, same.fields)
    assert (made.minor, made.version, made.keep_alive) == (1, b"2", True)


@pytest.mark.parametrize(
    ("made", "status", "reason"),
    [
        (read(authority=None), 400, "host-missing"),
        (read(authority=b"user@e"), 400, "host"),
        (read(authority=b""), 400, "host"),
        (read(scheme=b"ftp"), 400, "scheme"),
        (read(path=b"/" + b"a" * 20_000), 414, "target-too-long"),
        (read(method=b"M" * 70), 501, "method"),
        (read(method=b"CONNECT", scheme=None, path=None), 405, "method"),
        (read(*[(b"a", b"b")] * 101), 431, "too-many-fields"),
    ],
)
def test_what_is_answered_with_a_status(made: object, status: int, reason: str) -> None:
    assert isinstance(made, Malformed)
    assert (made.status, made.reason) == (status, reason)


@pytest.mark.parametrize("path", [b"*", b"http://a/", b"/a b", b"/\x00", b"/#x", b"/\xff", b"?"])
def test_a_path_that_is_none(path: bytes) -> None:
    assert isinstance(read(path=path), BrokenFields)


def test_options_of_the_server() -> None:
    made = read(method=b"OPTIONS", path=b"*")
    assert isinstance(made, Request)
    assert made.target == b"*"


@pytest.mark.parametrize(("host", "fine"), [(b"E.example:443", True), (b"e.example", True), (b"e.example:80", False)])
def test_host_and_authority_are_compared_in_their_normal_form(host: bytes, fine: bool) -> None:
    assert isinstance(read((b"host", host)), Request) == fine


def test_trailers() -> None:
    assert check_trailers([(b"x-sum", b"1")]) is None
    assert check_trailers([(b":path", b"/")])
    assert check_trailers([(b"Upper", b"1")])
