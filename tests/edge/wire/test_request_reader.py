"""Requests as bytes: what is refused, with which status, and what is read, whole or cut at every byte (RFC 9112)."""

import httptools
import pytest

from edge.wire.request_reader import MOST_AT_ONCE, Limits, complaint
from tests.edge.wire.fakes import GENERAL, MEDIA, fed

GET = b"GET /a HTTP/1.1\r\nHost: a\r\n"
POST = b"POST /a HTTP/1.1\r\nHost: a\r\n"
CHUNKED = POST + b"Transfer-Encoding: chunked\r\n\r\n"


def line(start: bytes) -> bytes:
    return start + b"\r\nHost: a\r\n\r\n"


REFUSED = {
    # RFC 9112 §6.3: one clear framing
    "length then coding": (400, POST + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
    "coding then length": (400, POST + b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n"),
    "two equal lengths": (400, POST + b"Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello"),
    "two lengths": (400, POST + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello!"),
    "length list": (400, POST + b"Content-Length: 5, 5\r\n\r\nhello"),
    "length plus": (400, POST + b"Content-Length: +5\r\n\r\nhello"),
    "length minus": (400, POST + b"Content-Length: -5\r\n\r\nhello"),
    "length inner space": (400, POST + b"Content-Length: 5 5\r\n\r\nhello"),
    "length hex": (400, POST + b"Content-Length: 0x5\r\n\r\nhello"),
    "length decimal": (400, POST + b"Content-Length: 5.0\r\n\r\nhello"),
    "length empty": (400, POST + b"Content-Length:\r\n\r\nhello"),
    "length vertical tab": (400, POST + b"Content-Length:\x0b5\r\n\r\nhello"),
    "length beyond 64 bits": (400, POST + b"Content-Length: 18446744073709551621\r\n\r\nhello"),
    "length of 16 digits": (400, POST + b"Content-Length: 9999999999999999\r\n\r\nhello"),
    "length other digits": (400, POST + "Content-Length: ٥\r\n\r\nhello".encode()),
    "coding chunked, identity": (400, POST + b"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n"),
    "coding identity": (400, POST + b"Transfer-Encoding: identity\r\n\r\nhello"),
    "coding gzip, chunked": (400, POST + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n"),
    "coding xchunked": (400, POST + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n"),
    "coding quoted": (400, POST + b'Transfer-Encoding: "chunked"\r\n\r\n0\r\n\r\n'),
    "coding parameter": (400, POST + b"Transfer-Encoding: chunked;a=b\r\n\r\n0\r\n\r\n"),
    "coding after a comma": (400, POST + b"Transfer-Encoding: ,chunked\r\n\r\n0\r\n\r\n"),
    "coding twice": (400, POST + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
    "two codings": (400, POST + b"Transfer-Encoding: identity\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
    "coding empty": (400, POST + b"Transfer-Encoding:\r\nContent-Length: 5\r\n\r\nhello"),
    "coding vertical tab": (400, POST + b"Transfer-Encoding:\x0bchunked\r\n\r\n0\r\n\r\n"),
    "coding folded": (400, POST + b"Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n"),
    "coding before a space": (400, POST + b"Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n"),
    "coding in HTTP/1.0": (400, POST.replace(b"/1.1", b"/1.0") + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
    # §7.1: chunks
    "chunk size and LF": (400, CHUNKED + b"5\nhello\r\n0\r\n\r\n"),
    "chunk and LF": (400, CHUNKED + b"5\r\nhello\n0\r\n\r\n"),
    "last chunk and LF": (400, CHUNKED + b"5\r\nhello\r\n0\n\n"),
    "chunk extension and LF": (400, CHUNKED + b"5;a\nhello\r\n0\r\n\r\n"),
    "chunk size and space": (400, CHUNKED + b"5 \r\nhello\r\n0\r\n\r\n"),
    "chunk size after space": (400, CHUNKED + b" 5\r\nhello\r\n0\r\n\r\n"),
    "chunk size 0x": (400, CHUNKED + b"0x5\r\nhello\r\n0\r\n\r\n"),
    "chunk size minus": (400, CHUNKED + b"-5\r\nhello\r\n0\r\n\r\n"),
    "chunk size empty": (400, CHUNKED + b"\r\nhello\r\n0\r\n\r\n"),
    "chunk size beyond 64 bits": (400, CHUNKED + b"10000000000000005\r\nhello\r\n0\r\n\r\n"),
    "chunk longer than it says": (400, CHUNKED + b"5\r\nhello!\r\n0\r\n\r\n"),
    "trailer without a colon": (400, CHUNKED + b"0\r\nX\r\n\r\n"),
    "trailer Host": (400, CHUNKED + b"0\r\nHost: b\r\n\r\n"),
    "trailer Content-Length": (400, CHUNKED + b"0\r\nContent-Length: 5\r\n\r\n"),
    "body too large": (413, POST + b"Content-Length: 1048577\r\n\r\n"),
    "chunked body too large": (413, CHUNKED + b"100001\r\n" + bytes(0x100001)),
    "endless chunk extension": (413, CHUNKED + b"1;" + b"x" * (9 << 20)),
    # §2.2, §5: lines
    "LF everywhere": (400, b"GET /a HTTP/1.1\nHost: a\n\n"),
    "LF after the request line": (400, b"GET /a HTTP/1.1\nHost: a\r\n\r\n"),
    "LF after a field": (400, GET[:-2] + b"\nX: y\r\n\r\n"),
    "LF at the end": (400, GET + b"\n"),
    "CR everywhere": (400, b"GET /a HTTP/1.1\rHost: a\r\r"),
    "CR in a value": (400, GET + b"X: a\rb\r\n\r\n"),
    "CR in a name": (400, GET + b"X\rY: a\r\n\r\n"),
    "CR CR LF": (400, GET + b"X: a\r\r\n\r\n"),
    "obs-fold by space": (400, GET + b"X: a\r\n b\r\n\r\n"),
    "obs-fold by tab": (400, GET + b"X: a\r\n\tb\r\n\r\n"),
    "space before the first field": (400, b"GET /a HTTP/1.1\r\n Host: a\r\n\r\n"),
    "space before a colon": (400, GET + b"X : a\r\n\r\n"),
    "tab before a colon": (400, GET + b"X\t: a\r\n\r\n"),
    "no colon": (400, GET + b"X\r\n\r\n"),
    "empty name": (400, GET + b": a\r\n\r\n"),
    **{f"name with {chr(c)!r}": (400, GET + b"X%c: a\r\n\r\n" % c) for c in b'\x00\x01\x7f\xff ()<>@,;\\"/[]?={}'},
    **{f"value with {c:#x}": (400, GET + b"X: a%cb\r\n\r\n" % c) for c in b"\x00\x01\x08\x0b\x0c\x0e\x1f\x7f"},
    # §3: the request line
    **{f"target with {c:#x}": (400, line(b"GET /a%cb HTTP/1.1" % c)) for c in b"\x00\x01\t\x0b\x0c\r\x7f\x80\xff"},
    "space in the target": (400, line(b"GET /a b HTTP/1.1")),
    "space at the end": (400, line(b"GET /a HTTP/1.1 ")),
    "space at the start": (400, line(b" GET /a HTTP/1.1")),
    "tabs": (400, line(b"GET\t/a\tHTTP/1.1")),
    "no target": (400, line(b"GET HTTP/1.1")),
    "relative target": (400, line(b"GET a HTTP/1.1")),
    "authority-form for GET": (400, line(b"GET a:80 HTTP/1.1")),
    "asterisk for GET": (400, line(b"GET * HTTP/1.1")),
    "CONNECT": (405, line(b"CONNECT a:80 HTTP/1.1")),
    "absolute-form, user": (400, line(b"GET http://u@b/ HTTP/1.1")),
    "absolute-form, empty": (400, line(b"GET http:///c HTTP/1.1")),
    "absolute-form, fragment": (400, line(b"GET http://b/c#d HTTP/1.1")),
    "absolute-form, ftp": (400, line(b"GET ftp://b/c HTTP/1.1")),
    "absolute-form, bad Host": (400, b"GET http://b/ HTTP/1.1\r\nHost: a/b\r\n\r\n"),
    "absolute-form, no Host": (400, b"GET http://b/ HTTP/1.1\r\n\r\n"),
    "HTTP/0.9": (505, b"GET /a\r\n\r\n"),
    "HTTP/0.9 in words": (505, line(b"GET /a HTTP/0.9")),
    "HTTP/1.2": (505, line(b"GET /a HTTP/1.2")),
    "HTTP/2.0": (505, line(b"GET /a HTTP/2.0")),
    "HTTP/3.0": (505, line(b"GET /a HTTP/3.0")),
    "HTTP/2 preface": (505, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
    "HTTP/1.10": (400, line(b"GET /a HTTP/1.10")),
    "HTTP/1": (400, line(b"GET /a HTTP/1")),
    "http/1.1": (400, line(b"GET /a http/1.1")),
    "another protocol": (400, line(b"GET /a FOO/1.1")),
    "TLS": (400, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(64)),
    "NULs": (400, bytes(8)),
    # RFC 9112 §3.2: Host
    "no Host": (400, b"GET /a HTTP/1.1\r\nX: y\r\n\r\n"),
    "Host twice": (400, GET + b"Host: a\r\n\r\n"),
    "Host twice, letter case": (400, GET + b"HOST: b\r\n\r\n"),
    **{
        f"Host {host!r}": (400, b"GET /a HTTP/1.1\r\nHost: %s\r\n\r\n" % host)
        for host in (b"", b"a/b", b"u@a", b"a b", b"a:x", b"a:1:2", b"[::1", b"[x]", b"a\\b", b"a?b", b"a#b", b"a%zz")
    },
    "Authorization twice": (400, GET + b"Authorization: a\r\nAuthorization: b\r\n\r\n"),
    # limits
    "long target": (414, line(b"GET /" + b"a" * 16384 + b" HTTP/1.1")),
    "very long target": (414, line(b"GET /" + b"a" * 300_000 + b" HTTP/1.1")),
    "many fields": (431, GET + b"".join(b"X%d: y\r\n" % number for number in range(100)) + b"\r\n"),
    "one field many times": (431, GET + b"X: y\r\n" * 100 + b"\r\n"),
    "large field": (431, GET + b"X: " + b"y" * 90_000 + b"\r\n\r\n"),
    "large name": (431, GET + b"X" * 90_000 + b": y\r\n\r\n"),
    "many empty lines": (431, b"\r\n" * 50_000),
    "an upgrade with a body": (400, POST + b"Connection: upgrade\r\nUpgrade: h2c\r\nContent-Length: 5\r\n\r\nGET /"),
}  # fmt: skip
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
