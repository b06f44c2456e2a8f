"""Requests as bytes: what is refused, with which status, and what is read, whole or cut at every byte (RFC 9112)."""

import httptools
import pytest

from edge.wire.request_reader import MOST_AT_ONCE, Limits, complaint
from tests.edge.wire.bad_requests import CHUNKED, GET, POST, REFUSED, line
from tests.edge.wire.fakes import GENERAL, MEDIA, fed

LARGE = 5_000
"""Bytes beyond which a case is cut into larger steps."""


@pytest.mark.parametrize("step", [None, 1])
@pytest.mark.parametrize("name", REFUSED)
def test_what_is_refused(name: str, step: int | None):
    """The status, no request handed over before it, and nothing read after it."""
    status, data = REFUSED[name]
    if step and len(data) > LARGE:
        step = 1000
    handler, transport = fed(data + GET + b"\r\n", step=step)
    assert [what.status for what in handler.refused] == [status]
    assert not handler.requests
    assert transport.end == "eof"


@pytest.mark.parametrize(
    ("given", "status"), [(b"FOO", 501), (b"get", 501), (b"X-y!", 501), (b"G@T", 400), (b"(", 400)]
)
def test_a_method_that_is_none_of_ours(given: bytes, status: int):
    handler, _ = fed(line(given + b" /a HTTP/1.1"))
    assert [what.status for what in handler.refused] == [status]


READ = {
    "plain": (line(b"GET /a HTTP/1.1"), b"/a", b""),
    "HTTP/1.0 without Host": (b"GET /a HTTP/1.0\r\n\r\n", b"/a", b""),
    "empty lines before": (b"\r\n\r\n" + line(b"GET /a HTTP/1.1"), b"/a", b""),
    "absolute-form": (line(b"GET http://b:81/c?d HTTP/1.1"), b"/c?d", b""),
    "absolute-form without a path": (line(b"GET http://b:81 HTTP/1.1"), b"/", b""),
    "absolute-form with a query": (line(b"GET HTTP://b:81?x HTTP/1.1"), b"/?x", b""),
    "asterisk": (line(b"OPTIONS * HTTP/1.1"), b"*", b""),
    "length": (POST + b"Content-Length: 5\r\n\r\nhello", b"/a", b"hello"),
    "length with zeroes": (POST + b"Content-Length: 005\r\n\r\nhello", b"/a", b"hello"),
    "length and whitespace": (POST + b"Content-Length: \t5 \t\r\n\r\nhello", b"/a", b"hello"),
    "length 0": (POST + b"Content-Length: 0\r\n\r\n", b"/a", b""),
    "chunked": (CHUNKED + b"5\r\nhello\r\n0\r\n\r\n", b"/a", b"hello"),
    "Chunked": (POST + b"Transfer-Encoding: Chunked \r\n\r\n5\r\nhello\r\n0\r\n\r\n", b"/a", b"hello"),
    "chunks": (CHUNKED + b"1\r\nh\r\n4\r\nello\r\n000\r\n\r\n", b"/a", b"hello"),
    "chunk extension": (CHUNKED + b'5;a=b;c="d;e"\r\nhello\r\n0;f\r\n\r\n', b"/a", b"hello"),
    "trailer": (CHUNKED + b"5\r\nhello\r\n0\r\nX: y\r\n\r\n", b"/a", b"hello"),
    "longest target": (line(b"GET /" + b"a" * 16383 + b" HTTP/1.1"), b"/" + b"a" * 16383, b""),
    "large head": (GET + b"X: " + b"y" * 40_000 + b"\r\n\r\n", b"/a", b""),
    "large body": (POST + b"Content-Length: 300000\r\n\r\n" + b"z" * 300_000, b"/a", b"z" * 300_000),
    "most fields": (GET + b"".join(b"X%d: y\r\n" % number for number in range(99)) + b"\r\n", b"/a", b""),
}


@pytest.mark.parametrize("step", [None, 1])
@pytest.mark.parametrize("name", READ)
def test_what_is_read(name: str, step: int | None):
    """Whole or cut at every byte: the same request, and the one after it."""
    data, target, body = READ[name]
    if step and len(data) > LARGE:
        step = 777
    after = b"" if b"HTTP/1.0" in data else b"HEAD /after HTTP/1.1\r\nHost: a\r\n\r\n"
    handler, _ = fed(data + after, step=step)
    assert not handler.refused
    first = handler.requests[0]
    assert (first.target, first.body) == (target, body)
    assert [request.target for request in handler.requests[1:]] == ([b"/after"] if after else [])
    assert not handler.requests[-1].body


def test_fields_are_joined_in_order_and_without_outer_whitespace():
    handler, _ = fed(GET + b"X:  a b \t\r\nx:\tc\r\nCookie: d=1\r\nCookie: e=2\r\nY:\r\nZ: \xff\r\n\r\n")
    fields = handler.requests[0].fields
    assert fields == {b"host": b"a", b"x": b"a b, c", b"cookie": b"d=1; e=2", b"y": b"", b"z": b"\xff"}


def test_every_character_of_a_token_may_stand_in_a_name():
    handler, _ = fed(GET + b"X!#$%&'*+-.^_`|~09: a\r\n\r\n")
    assert handler.requests[0].fields[b"x!#$%&'*+-.^_`|~09"] == b"a"


@pytest.mark.parametrize("host", [b"a", b"a:80", b"a:", b"[::1]", b"[::1]:8443", b"127.0.0.1:1", b"A-b.c_d~", b"%41b"])
def test_hosts(host: bytes):
    handler, _ = fed(b"GET / HTTP/1.1\r\nHost: %s\r\n\r\n" % host)
    assert handler.requests[0].fields[b"host"] == host


def test_the_authority_of_an_absolute_target_wins_over_host():
    """RFC 9112 §3.2.2."""
    handler, _ = fed(line(b"GET http://b:81/c HTTP/1.1"))
    assert handler.requests[0].fields[b"host"] == b"b:81"


@pytest.mark.parametrize(
    ("head", "keep"),
    [
        (b"GET / HTTP/1.1\r\nHost: a\r\n", True),
        (b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n", False),
        (b"GET / HTTP/1.1\r\nHost: a\r\nConnection: x, Close\r\n", False),
        (b"GET / HTTP/1.1\r\nHost: a\r\nConnection: keep-alive\r\nConnection: close\r\n", False),
        (b"GET / HTTP/1.0\r\nHost: a\r\n", False),
        (b"GET / HTTP/1.0\r\nHost: a\r\nConnection: Keep-Alive\r\n", True),
        (b"GET / HTTP/1.0\r\nHost: a\r\nConnection: keep-alive, close\r\n", False),
    ],
)
def test_who_stays_connected(head: bytes, keep: bool):
    handler, _ = fed(head + b"\r\n")
    assert handler.requests[0].keep_alive is keep


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (GET + b"Content-Length: 5\r\n\r\nhello", 400),
        (GET + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
        (b"HEAD / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx", 400),
        (POST + b"Content-Length: 5\r\n\r\nhello", 405),
        (POST + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", 405),
        (GET + b"Content-Length: 0\r\n\r\n", None),
        (POST + b"Content-Length: 0\r\n\r\n", None),
        (POST + b"\r\n", None),
    ],
)
def test_where_no_body_is_taken(data: bytes, status: int | None):
    """Media: a GET with a body is 400, any other method with one 405; without one it is for the handler to say."""
    handler, _ = fed(data, MEDIA)
    assert [what.status for what in handler.refused] == ([] if status is None else [status])
    assert len(handler.requests) == (status is None)


def test_limits_hold_for_each_request_by_itself():
    """A thousand small requests in one segment are no large head."""
    handler, _ = fed((GET + b"X: y\r\nX: z\r\n\r\n") * 1000, Limits(target=64, head=1024, fields=3))
    assert len(handler.requests) == 1000
    assert not handler.refused


def test_a_segment_is_parsed_in_bounded_steps():
    handler, _ = fed(GET + b"X: " + b"y" * (MOST_AT_ONCE + 3000) + b"\r\n\r\n", Limits(target=1024, head=1024))
    assert [what.reason for what in handler.refused] == ["head-too-large"]


@pytest.mark.parametrize(
    ("error", "data", "status"),
    [
        (httptools.HttpParserInvalidMethodError("x"), b"FOO /a HTTP/1.1\r\n", 501),
        (httptools.HttpParserInvalidMethodError("x"), b"\r\nFOO /a HTTP/1.0\r\n", 501),
        (httptools.HttpParserInvalidMethodError("x"), b"\x16\x03", 400),
        (httptools.HttpParserError("Invalid HTTP version"), b"", 505),
        (httptools.HttpParserError("anything else"), b"", 400),
    ],
)
def test_what_an_error_is_called(error: Exception, data: bytes, status: int):
    assert complaint(error, data).status == status


def test_the_general_limits_take_a_body():
    assert GENERAL.body > MEDIA.body == 0
