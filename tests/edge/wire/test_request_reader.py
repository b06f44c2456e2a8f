"""Requests as bytes: what is refused, with which status, and what is read, whole or cut at every byte (RFC 9112)."""

import pytest

from edge.wire.head import Limits
from tests.edge.wire.bad_requests import CHUNKED, GET, POST, REFUSED, line
from tests.edge.wire.fakes import GENERAL, MEDIA, fed
from tests.edge.wire.fuzz import differs

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


@pytest.mark.parametrize("given", [b"FOO", b"get", b"X-y!", b"PROPFIND", b"QUERY", b"PURGE", b"M" * 64])
@pytest.mark.parametrize("step", [None, 1])
def test_a_method_that_nobody_registered_is_one_all_the_same(given: bytes, step: int | None):
    """RFC 9110 §9.1: any token, and letter case counts; what it may do is for the handler to say."""
    handler, _ = fed(line(given + b" /a HTTP/1.1"), step=step)
    assert [request.method for request in handler.requests] == [given]


UPGRADE = POST + b"Connection: upgrade, HTTP2-Settings\r\nUpgrade: h2c, websocket\r\n"
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
    # A minor version above ours is read as ours (RFC 9110 §2.5)
    "HTTP/1.2": (line(b"GET /a HTTP/1.2"), b"/a", b""),
    "HTTP/1.9": (line(b"GET /a HTTP/1.9"), b"/a", b""),
    "an upgrade with a body": (UPGRADE + b"Content-Length: 5\r\n\r\nhello", b"/a", b"hello"),
    "an upgrade with chunks": (UPGRADE + b"Transfer-Encoding: chunked\r\n\r\n1\r\nh\r\n0\r\n\r\n", b"/a", b"h"),
    "OPTIONS, absolute-form without a path": (line(b"OPTIONS http://b HTTP/1.1"), b"*", b""),
    "OPTIONS, absolute-form with a path": (line(b"OPTIONS http://b/ HTTP/1.1"), b"/", b""),
    "absolute-form, IPv6": (line(b"GET http://[::1]:80/c HTTP/1.1"), b"/c", b""),
    "what browsers send in queries": (line(b"GET /a?b=^`{|}[]' HTTP/1.1"), b"/a?b=^`{|}[]'", b""),
    "escapes are left alone": (line(b"GET /%61%2f..//%00%zz?%23;a HTTP/1.1"), b"/%61%2f..//%00%zz?%23;a", b""),
    "no fields in HTTP/1.0": (b"GET /a HTTP/1.0\r\n\r\n", b"/a", b""),
    "empty Host in HTTP/1.0": (b"GET /a HTTP/1.0\r\nHost:\r\n\r\n", b"/a", b""),
    "whitespace around values": (b"GET /a HTTP/1.1\r\nHost: \t a\t \r\nX:\t\r\n\r\n", b"/a", b""),
    "no whitespace before values": (b"GET /a HTTP/1.1\r\nHost:a\r\n\r\n", b"/a", b""),
    "obs-text in a value": (GET + b"X: \x80\xff\xc3\xa4\r\n\r\n", b"/a", b""),
    "a field that looks like framing": (GET + b"Transfer_Encoding: chunked\r\nX-Content-Length: 5\r\n\r\n", b"/a", b""),
    "TE": (GET + b"TE: trailers\r\nConnection: TE\r\n\r\n", b"/a", b""),
    "a long field": (GET + b"X" * 1000 + b": " + b"y" * 10_000 + b"\r\n\r\n", b"/a", b""),
    "GET with a body": (GET + b"Content-Length: 5\r\n\r\nhello", b"/a", b"hello"),
    "HEAD, no length": (line(b"HEAD /a HTTP/1.1"), b"/a", b""),
    "DELETE with a body": (line(b"DELETE /a HTTP/1.1")[:-2] + b"Content-Length: 1\r\n\r\nx", b"/a", b"x"),
    "TRACE": (line(b"TRACE /a HTTP/1.1"), b"/a", b""),
    "longest chunk size": (CHUNKED + b"0000000000000005\r\nhello\r\n0\r\n\r\n", b"/a", b"hello"),
    "hex in both cases": (CHUNKED + b"aB\r\n" + b"z" * 171 + b"\r\n0\r\n\r\n", b"/a", b"z" * 171),
    "chunk extensions": (CHUNKED + b'1;a;b="\\"";c\r\nh\r\n4 ;\td = e\r\nello\r\n00;x\r\n\r\n', b"/a", b"hello"),
    "trailers": (CHUNKED + b"1\r\nh\r\n0\r\nX: y\r\nY-Z:\r\n\r\n", b"/a", b"h"),
    "a body that looks like a request": (
        POST + b"Content-Length: 26\r\n\r\nGET /b HTTP/1.1\r\nHost: b\r\n",
        b"/a",
        b"GET /b HTTP/1.1\r\nHost: b\r\n",
    ),
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


@pytest.mark.parametrize("name", [name for name in REFUSED if len(REFUSED[name][1]) < 400])
def test_a_refusal_is_the_same_wherever_its_bytes_are_cut(name: str):
    status, data = REFUSED[name]
    data += GET + b"\r\n"
    for at in range(1, len(data)):
        handler, transport = fed(data, cut=at)
        assert [what.status for what in handler.refused] == [status], at
        assert not handler.requests
        assert transport.end == "eof"


@pytest.mark.parametrize("name", [name for name in READ if len(READ[name][0]) < 400])
def test_a_request_is_the_same_wherever_its_bytes_are_cut(name: str):
    data, target, body = READ[name]
    for at in range(1, len(data)):
        handler, _ = fed(data, cut=at)
        assert [(request.target, request.body) for request in handler.requests] == [(target, body)], at
        assert not handler.refused


def test_trailers_are_no_fields_of_the_request():
    """RFC 9110 §6.5.1: what decides something must not come behind what was decided."""
    handler, _ = fed(CHUNKED + b"0\r\nX-Forwarded-For: 192.0.2.9\r\nRange: bytes=0-0\r\n\r\n")
    assert list(handler.requests[0].fields) == [b"host", b"transfer-encoding"]


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


def test_the_general_limits_take_a_body():
    assert GENERAL.body > MEDIA.body == 0


@pytest.mark.parametrize("begin", range(0, 8000, 1000))
def test_random_requests_are_read_as_a_second_reading_reads_them(begin: int):
    """Wrong in random ways, in random pieces, answered now or later: the same requests, each answered once."""
    wrong = {seed: found for seed in range(begin, begin + 1000) if (found := differs(seed)) is not None}
    assert not wrong
