"""Heads: what parts of one are read as, and that what is wrong is named. The tables are in test_request_reader."""

from __future__ import annotations

import pytest

from edge.wire.head import CHUNKED, Limits, error_so_far, framing, is_authority, read_head, unmet_expectation
from edge.wire.request import Malformed, Request

LIMITS = Limits(target=64, head=192, fields=3, body=1000)
START = b"GET / HTTP/1.1\r\nHost: a\r\n"


def said(block: bytes, limits: Limits = LIMITS) -> tuple[int, str, str]:
    found = read_head(block, limits)
    assert isinstance(found, Malformed)
    return found.status, found.reason, found.detail


@pytest.mark.parametrize(
    ("line", "detail"),
    [
        (b" X: a", "field line 2 begins with whitespace"),
        (b"\tX: a", "field line 2 begins with whitespace"),
        (b"X", "field line 2 has no colon"),
        (b"X : a", "field line 2 has whitespace before its colon"),
        (b": a", "field line 2 has a name that is no token"),
        (b"X(: a", "field line 2 has a name that is no token"),
        (b"X: \x00", "field line 2 has a control character in its value"),
    ],
)
def test_a_line_error_is_named(line: bytes, detail: str) -> None:
    assert said(START + line + b"\r\n") == (400, "malformed", detail)


def test_limits_say_what_they_are() -> None:
    assert said(START + b"X: y\r\n" * 3) == (431, "too-many-fields", "more than 3")
    assert said(b"GET /" + b"a" * 64 + b" HTTP/1.1\r\nHost: a\r\n")[:2] == (414, "target-too-long")
    large = error_so_far(bytearray(START + b"Cookie: " + b"x" * 300), 0, LIMITS)
    assert large is not None
    assert (large.status, large.reason, large.detail) == (431, "head-too-large", "at Cookie")


@pytest.mark.parametrize(
    ("so_far", "status"),
    [
        (b"G", None), (b"GET ", None), (b"GET /", None), (b"GET /a HTT", None), (b"GET /a HTTP/1.1\r", None),
        (b"GET /a HTTP/1.1\r\nHo", None), (b"\x16\x03", 400), (b"GET  ", 400), (b"GET /\x00", 400), (b"GET /a h", 400),
        (b"GET /a HTTP/2.0\r\n", 505), (b"GET /a\r\n", 400), (b"GET /a HTTP/1.1\r\nX\n", 400),
        (b"GET /a HTTP/1.1\r\nX\rY", 400), (b"GET /a HTTP/1.1\r\nX\0", 400), (b"M" * 64, None), (b"M" * 65, 501),
        (b"GET " + b"/" * 64, None), (b"GET " + b"/" * 65, 414),
    ],
)  # fmt: skip
def test_what_can_be_said_before_the_end_is_said(so_far: bytes, status: int | None) -> None:
    """Nobody is kept waiting for the time-out whose first bytes are wrong already."""
    found = error_so_far(bytearray(so_far), 0, LIMITS)
    assert (None if found is None else found.status) == status


@pytest.mark.parametrize("host", [b"a", b"a:80", b"a:", b"[::1]", b"[::ffff:1.2.3.4]:1", b"127.0.0.1:65535", b"%41b"])
def test_an_authority(host: bytes) -> None:
    """RFC 3986 §3.2 without user information."""
    assert is_authority(host)


@pytest.mark.parametrize(
    "host", [b"", b":80", b"a:65536", b"a:x", b"u@a", b"[::1", b"::1", b"[::1::]", b"a/b", b"a b", b"a" * 263]
)
def test_no_authority(host: bytes) -> None:
    assert not is_authority(host)


def request(**fields: bytes) -> Request:
    named = {name.replace("_", "-").encode(): value for name, value in fields.items()}
    return Request(b"POST", b"/", named, 1, keep_alive=True)


def test_framing() -> None:
    """RFC 9112 §6: a length, chunks, or a refusal."""
    assert framing(request(content_length=b"0"), LIMITS) == 0
    assert framing(request(content_length=b"1000"), LIMITS) == 1000
    assert framing(request(transfer_encoding=b"chunked"), LIMITS) == CHUNKED
    too_large = framing(request(content_length=b"1001"), LIMITS)
    assert isinstance(too_large, Malformed)
    assert too_large.status == 413


@pytest.mark.parametrize(
    ("expect", "unmet"), [(b"100-continue", False), (b"100-Continue, ", False), (b"x", True), (b"100-continue;a", True)]
)
def test_expectations(expect: bytes, unmet: bool) -> None:
    """RFC 9110 §10.1.1; letter case does not count."""
    assert unmet_expectation(request(expect=expect)) is unmet
