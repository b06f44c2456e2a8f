"""Answers of upstreams as bytes: what is truncated or mis-framed never passes for whole (RFC 9112 §6, §8)."""

import random
import ssl

import pytest

from edge.upstreams.http1_client import MAX_HEAD_BYTES, UpstreamConnection
from tests.edge.wire.fakes import FakeTransport

OK = b"HTTP/1.1 200 OK\r\n"
FIVE = OK + b"Content-Length: 5\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"


class RecordingListener:
    """Records what a connection reports."""

    def __init__(self) -> None:
        self.interims: list = []
        self.head: tuple | None = None
        self.body = b""
        self.ended = False
        self.error = None

    def on_interim(self, status, fields):
        self.interims.append((status, fields))

    def on_head(self, status, fields, length):
        assert self.head is None
        self.head = (status, fields, length)

    def on_body(self, data):
        assert not self.ended
        self.body += data

    def on_end(self):
        assert not self.ended
        assert self.error is None
        self.ended = True

    def on_broken(self, error):
        assert not self.ended
        assert self.error is None
        self.error = error


class Upstream:
    """A connection to an upstream that says these bytes."""

    def __init__(self, *, secure: bool = False) -> None:
        self.released: list = []
        self.lost: list = []
        self.transport = FakeTransport()
        self.connection = UpstreamConnection(self.released.append, self.lost.append, secure=secure)
        self.connection.connection_made(self.transport)

    def asked(self, *, head_only: bool = False) -> RecordingListener:
        heard = RecordingListener()
        self.connection.send_request([b"GET / HTTP/1.1\r\n", b"\r\n"], heard, head_only=head_only)
        return heard

    def says(self, data: bytes, step: int | None = None) -> None:
        """As a transport hands it over, up to `step` bytes at a time."""
        at = 0
        while at < len(data) and self.transport.end != "aborted":
            buffer = self.connection.get_buffer(-1)
            piece = data[at : at + min(len(buffer), step or len(data))]
            buffer[: len(piece)] = piece
            self.connection.buffer_updated(len(piece))
            at += len(piece)


def said(data: bytes, *, step: int | None = None, head_only: bool = False, closes: object = None) -> tuple:
    upstream = Upstream()
    heard = upstream.asked(head_only=head_only)
    upstream.says(data, step)
    if closes is not None and upstream.transport.end != "aborted":
        upstream.connection.connection_lost(None if closes == "clean" else closes)
    return upstream, heard


REFUSED = {
    "two equal lengths": FIVE + b"Content-Length: 5\r\n\r\nhello",
    "two lengths": FIVE + b"Content-Length: 6\r\n\r\nhello!",
    "length list": OK + b"Content-Length: 5, 6\r\n\r\nhello",
    "length and coding": FIVE + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    "coding and length": OK + b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    "length plus": OK + b"Content-Length: +5\r\n\r\nhello",
    "length minus": OK + b"Content-Length: -5\r\n\r\nhello",
    "length in letters": OK + b"Content-Length: five\r\n\r\nhello",
    "length empty": OK + b"Content-Length:\r\n\r\nhello",
    "length huge": OK + b"Content-Length: 18446744073709551621\r\n\r\nhello",
    "length of 16 digits": OK + b"Content-Length: 1000000000000000\r\n\r\nhello",
    "coding gzip, chunked": OK + b"Transfer-Encoding: gzip, chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    "coding chunked, gzip": OK + b"Transfer-Encoding: chunked, gzip\r\n\r\nhello",
    "coding identity": OK + b"Transfer-Encoding: identity\r\n\r\nhello",
    "coding xchunked": OK + b"Transfer-Encoding: xchunked\r\n\r\nhello",
    "coding twice": OK + b"Transfer-Encoding: chunked\r\n" * 2 + b"\r\n5\r\nhello\r\n0\r\n\r\n",
    "coding empty": OK + b"Transfer-Encoding:\r\n\r\nhello",
    "coding in HTTP/1.0": CHUNKED.replace(b"/1.1", b"/1.0") + b"5\r\nhello\r\n0\r\n\r\n",
    "chunk size in letters": CHUNKED + b"zz\r\nhello\r\n0\r\n\r\n",
    "chunk size minus": CHUNKED + b"-5\r\nhello\r\n0\r\n\r\n",
    "chunk size huge": CHUNKED + b"fffffffffffffffff\r\nhello",
    "chunk and LF": CHUNKED + b"5\nhello\n0\n\n",
    "chunk longer than it says": CHUNKED + b"5\r\nhello!\r\n0\r\n\r\n",
    "trailer without a colon": CHUNKED + b"5\r\nhello\r\n0\r\nX y\r\n\r\n",
    "trailer without end": CHUNKED + b"5\r\nhello\r\n0\r\nX: " + b"y" * 2 * MAX_HEAD_BYTES,
    "chunk extension without end": CHUNKED + b"5;" + b"x" * 2 * MAX_HEAD_BYTES,
    "CR in a value": FIVE + b"X: a\rb\r\n\r\nhello",
    "NUL in a value": FIVE + b"X: a\0b\r\n\r\nhello",
    "control in a value": FIVE + b"X: a\x01b\r\n\r\nhello",
    "LF line ends": FIVE.replace(b"\r", b"") + b"\nhello",
    "LF after a field": FIVE + b"X: y\nY: z\r\n\r\nhello",
    "obs-fold": FIVE + b"X: y\r\n z\r\n\r\nhello",
    "space before a colon": FIVE + b"X : y\r\n\r\nhello",
    "empty name": FIVE + b": y\r\n\r\nhello",
    "no colon": FIVE + b"X\r\n\r\nhello",
    "head too large": FIVE + b"".join(b"X%d: %s\r\n" % (number, b"y" * 4096) for number in range(20)) + b"\r\nhello",
    "too many fields": FIVE + b"X: y\r\n" * 300 + b"\r\nhello",
    "endless interims": b"HTTP/1.1 103 Early Hints\r\n\r\n" * 3000,
    "101": b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n",
    "101 without a word": b"HTTP/1.1 101 Switching Protocols\r\n\r\n" + FIVE + b"\r\nhello",
    "HTTP/0.9": b"hello world, this is a body\r\n\r\n",
    "HTTP/0.9 in words": FIVE.replace(b"/1.1", b"/0.9") + b"\r\nhello",
    "HTTP/1.2": FIVE.replace(b"/1.1", b"/1.2") + b"\r\nhello",
    "HTTP/2.0": FIVE.replace(b"/1.1", b"/2.0") + b"\r\nhello",
    "http/1.1": FIVE.replace(b"HTTP", b"http") + b"\r\nhello",
    "status 000": FIVE.replace(b"200", b"000") + b"\r\nhello",
    "status 20": FIVE.replace(b"200", b"20") + b"\r\nhello",
    "status 2000": FIVE.replace(b"200", b"2000") + b"\r\nhello",
    "chunk size with 0x": CHUNKED + b"0x5\r\nhello\r\n0\r\n\r\n",
    "chunk size with a plus": CHUNKED + b"+5\r\nhello\r\n0\r\n\r\n",
    "chunk size after a blank": CHUNKED + b" 5\r\nhello\r\n0\r\n\r\n",
    "chunk size before a blank": CHUNKED + b"5 \r\nhello\r\n0\r\n\r\n",
    "chunk size missing": CHUNKED + b"\r\nhello\r\n0\r\n\r\n",
    "chunk size with an underscore": CHUNKED + b"1_0\r\n0123456789abcdef\r\n0\r\n\r\n",
    "chunk shorter than it says": CHUNKED + b"5\r\nhell\r\n0\r\n\r\n",
    "chunk ended by CR alone": CHUNKED + b"5\rhello\r\n0\r\n\r\n",
    "chunk data ended by LF": CHUNKED + b"5\r\nhello\n0\r\n\r\n",
    "last chunk ended by LF": CHUNKED + b"5\r\nhello\r\n0\n\r\n",
    "NUL in a chunk extension": CHUNKED + b"5;a=\0\r\nhello\r\n0\r\n\r\n",
    "LF in a chunk extension": CHUNKED + b"5;a=b\nhello\r\n0\r\n\r\n",
    "obs-fold in a trailer": CHUNKED + b"5\r\nhello\r\n0\r\nX: y\r\n z\r\n\r\n",
    "length in a trailer": CHUNKED + b"5\r\nhello\r\n0\r\nContent-Length: 5\r\n\r\n",
    "NUL in a trailer": CHUNKED + b"5\r\nhello\r\n0\r\nX: y\0\r\n\r\n",
    "trailers without number": CHUNKED + b"5\r\nhello\r\n0\r\n" + b"X: y\r\n" * 300 + b"\r\n",
    "much framing and little body": CHUNKED + (b"1;" + b"x" * 2000 + b"\r\ny\r\n") * 100 + b"0\r\n\r\n",
    "obs-fold in the first line": OK + b" X: y\r\nContent-Length: 5\r\n\r\nhello",
    "CR before the head's end": FIVE + b"X: y\r\r\n\r\nhello",
    "NUL in a name": FIVE + b"X\0: y\r\n\r\nhello",
    "blank in a name": FIVE + b"X Y: y\r\n\r\nhello",
    "tab before a colon": FIVE + b"X\t: y\r\n\r\nhello",
    "DEL in a value": FIVE + b"X: \x7f\r\n\r\nhello",
    "an empty line first": b"\r\n" + FIVE + b"\r\nhello",
    "blank before the version": b" " + FIVE + b"\r\nhello",
    "interim with a length": b"HTTP/1.1 103 E\r\nContent-Length: 5\r\n\r\nhello" + FIVE + b"\r\nhello",
    "interim with a coding": b"HTTP/1.1 100 C\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + FIVE + b"\r\nhello",
    "33 interims": b"HTTP/1.1 103 E\r\n\r\n" * 33 + FIVE + b"\r\nhello",
    "CR in a reason": b"HTTP/1.1 200 O\rK\r\nContent-Length: 5\r\n\r\nhello",
    "NUL in a reason": b"HTTP/1.1 200 O\0K\r\nContent-Length: 5\r\n\r\nhello",
    "no blank after the status": b"HTTP/1.1 200OK\r\nContent-Length: 5\r\n\r\nhello",
    "two blanks before the status": b"HTTP/1.1  200 OK\r\nContent-Length: 5\r\n\r\nhello",
    "tab before the status": b"HTTP/1.1\t200 OK\r\nContent-Length: 5\r\n\r\nhello",
    "minus in the status": FIVE.replace(b"200", b"-20") + b"\r\nhello",
    "version 1.10": FIVE.replace(b"/1.1", b"/1.10") + b"\r\nhello",
    "version 1": FIVE.replace(b"/1.1", b"/1") + b"\r\nhello",
    "version 11": FIVE.replace(b"/1.1", b"/11") + b"\r\nhello",
    "HTTP/2 settings": b"\0\0\x12\x04\0\0\0\0\0\0\x03\0\0\0d\0\x04@\0\0\0\0\x02\0\0\0\0",
    "HTTP/2 preface": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "TLS alert": b"\x15\x03\x01\x00\x02\x02\x46",
    "ICY": b"ICY 200 OK\r\nContent-Length: 5\r\n\r\nhello",
    "a request": b"GET / HTTP/1.1\r\nHost: a\r\n\r\n",
}


@pytest.mark.parametrize("step", [None, 1])
@pytest.mark.parametrize("name", REFUSED)
def test_what_breaks_an_exchange(name: str, step: int | None):
    """It is never whole, never worth another try, and its connection is gone."""
    data = REFUSED[name]
    if len(data) > 5000:
        step = 1000 if step else 50_000
    upstream, heard = said(data, step=step)
    assert heard.error is not None
    assert not heard.error.retry
    assert heard.error.status == 502
    assert not heard.ended
    assert not upstream.released
    assert not upstream.connection.is_usable
    assert upstream.transport.end == "aborted"


WHOLE = {
    "length": (FIVE + b"\r\nhello", 5, b"hello", True),
    "length and whitespace": (OK + b"Content-Length: 5 \r\n\r\nhello", 5, b"hello", True),
    "empty": (OK + b"Content-Length: 0\r\n\r\n", 0, b"", True),
    "chunked": (CHUNKED + b"2\r\nhe\r\n3;a=b\r\nllo\r\n0\r\nX: y\r\n\r\n", None, b"hello", True),
    "empty and chunked": (CHUNKED + b"0\r\n\r\n", None, b"", True),
    "close": (FIVE + b"Connection: close\r\n\r\nhello", 5, b"hello", False),
    "HTTP/1.0": (FIVE.replace(b"/1.1", b"/1.0") + b"\r\nhello", 5, b"hello", False),
    "HTTP/1.0 kept": (FIVE.replace(b"/1.1", b"/1.0") + b"Connection: keep-alive\r\n\r\nhello", 5, b"hello", True),
    "one byte a chunk": (CHUNKED + b"1\r\nx\r\n" * 20_000 + b"0\r\n\r\n", None, b"x" * 20_000, True),
    "trailers": (CHUNKED + b"5\r\nhello\r\n0\r\nX: y\r\nZ: y\r\n\r\n", None, b"hello", True),
    "chunk size in zeros": (CHUNKED + b"0005\r\nhello\r\n000\r\n\r\n", None, b"hello", True),
    "32 interims": (b"HTTP/1.1 103 E\r\n\r\n" * 32 + FIVE + b"\r\nhello", 5, b"hello", True),
    "empty reason": (b"HTTP/1.1 200 \r\nContent-Length: 5\r\n\r\nhello", 5, b"hello", True),
    "reason beyond ASCII": (b"HTTP/1.1 200 d\xe9j\xe0\r\nContent-Length: 5\r\n\r\nhello", 5, b"hello", True),
    "204 with a length": (b"HTTP/1.1 204 N\r\nContent-Length: 5\r\n\r\n", 0, b"", False),
    "304 with a coding": (b"HTTP/1.1 304 N\r\nTransfer-Encoding: chunked\r\n\r\n", 0, b"", False),
    "no reason": (b"HTTP/1.1 200\r\nContent-Length: 5\r\n\r\nhello", 5, b"hello", True),
    "204": (b"HTTP/1.1 204 No Content\r\n\r\n", 0, b"", True),
    "304": (b"HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n", 0, b"", True),
    "100 before": (b"HTTP/1.1 100 Continue\r\n\r\n" + FIVE + b"\r\nhello", 5, b"hello", True),
    "odd status": (FIVE.replace(b"200", b"999") + b"\r\nhello", 5, b"hello", True),
    "an upgrade offered": (FIVE + b"Connection: upgrade\r\nUpgrade: h2c\r\n\r\nhello", 5, b"hello", True),
}


@pytest.mark.parametrize("step", [None, 1])
@pytest.mark.parametrize("name", WHOLE)
def test_what_is_whole(name: str, step: int | None):
    data, length, body, kept = WHOLE[name]
    upstream, heard = said(data, step=step)
    assert heard.ended
    assert heard.head is not None
    assert (heard.head[2], heard.body) == (length, body)
    assert upstream.released == ([upstream.connection] if kept else [])
    assert upstream.connection.is_usable is kept


@pytest.mark.parametrize(
    "data",
    [
        FIVE + b"\r\nhell",
        CHUNKED + b"5\r\nhell",
        CHUNKED + b"5\r\nhello\r\n",
        CHUNKED + b"5\r\nhello\r\n0\r\n",
        FIVE,
        b"H",
    ],
)
def test_what_ends_early_is_truncated(data: bytes):
    """With a clean end of the connection too; something had come, so it is not asked again."""
    _, heard = said(data, closes="clean")
    assert heard.error.reason == "truncated"
    assert not heard.error.retry


def test_the_end_of_the_connection_is_the_end_of_a_body_without_length():
    upstream, heard = said(OK + b"\r\nhello", closes="clean")
    assert heard.ended
    assert heard.body == b"hello"
    assert upstream.lost == [upstream.connection]


def test_a_reset_is_not():
    _, heard = said(OK + b"\r\nhello", closes=ConnectionResetError())
    assert heard.error.reason == "truncated"


def test_over_tls_only_a_close_notify_is():
    """Anybody on the path can end a TCP stream, and cut a body without length short by that."""
    for ended in (True, False):
        upstream = Upstream(secure=True)
        heard = upstream.asked()
        upstream.says(OK + b"\r\nhello")
        if ended:
            upstream.connection.eof_received()
        upstream.connection.connection_lost(None)
        assert heard.ended is ended
        assert (heard.error is None) is ended


def test_a_certificate_of_ours_that_is_refused_has_its_word():
    upstream = Upstream(secure=True)
    heard = upstream.asked()
    upstream.connection.connection_lost(ssl.SSLError(1, "tlsv13 alert certificate required"))
    assert (heard.error.reason, heard.error.retry) == ("tls", True)


def test_a_kept_connection_that_was_dead_says_so():
    upstream = Upstream()
    upstream.asked()
    upstream.says(FIVE + b"\r\nhello")
    heard = upstream.asked()
    upstream.connection.connection_lost(ConnectionResetError())
    assert (heard.error.reason, heard.error.retry) == ("stale-connection", True)


def test_an_answer_before_all_of_the_request_is_sent_ends_the_connection():
    """What is still to be sent would be read as the next request."""
    upstream = Upstream()
    heard = upstream.asked()
    upstream.transport.queued = 1000
    upstream.says(b"HTTP/1.1 413 Content Too Large\r\nContent-Length: 5\r\n\r\nhello")
    assert (heard.ended, heard.head[0], heard.body) == (True, 413, b"hello")
    assert not upstream.released
    assert upstream.transport.end == "aborted"


def test_the_end_of_a_long_request_is_reported():
    upstream = Upstream()
    taken: list = []
    upstream.asked()
    upstream.connection.on_request_taken = lambda: taken.append(1)
    upstream.connection.resume_writing()
    assert taken == [1]
    upstream.says(FIVE)
    upstream.says(b"\r\n")
    upstream.connection.resume_writing()
    assert taken == [1]


@pytest.mark.parametrize("made", [False, True])
def test_a_connection_nobody_wants_any_more(made: bool):
    lost: list = []
    connection, transport = UpstreamConnection(lambda _: None, lost.append), FakeTransport()
    if made:
        connection.connection_made(transport)
    assert connection.discard() is made
    if not made:
        connection.connection_made(transport)
    assert transport.end == "aborted"
    connection.connection_lost(None)
    assert lost == ([connection] if made else [])


def test_a_connection_closed_before_any_answer_is_worth_another_try():
    upstream = Upstream()
    heard = upstream.asked()
    upstream.connection.connection_lost(None)
    assert heard.error.reason == "closed"
    assert heard.error.retry


@pytest.mark.parametrize("surplus", [FIVE + b"\r\nEVIL!", b"junk", b"H", b"\0"])
@pytest.mark.parametrize("apart", [False, True])
def test_bytes_nobody_asked_for_end_the_connection(surplus: bytes, apart: bool):
    """Response queue poisoning: the answer counts, whoever asks next does not get what follows it."""
    upstream = Upstream()
    heard = upstream.asked()
    if apart:
        upstream.says(FIVE + b"\r\nhello")
        upstream.says(surplus)
    else:
        upstream.says(FIVE + b"\r\nhello" + surplus)
        assert not upstream.released
    assert heard.ended
    assert heard.body == b"hello"
    assert upstream.transport.end == "aborted"
    assert not upstream.connection.is_usable


@pytest.mark.parametrize("status", [b"204 No Content", b"304 Not Modified"])
def test_a_body_where_none_may_be_is_surplus(status: bytes):
    upstream, heard = said(b"HTTP/1.1 %s\r\nContent-Length: 5\r\n\r\nhello" % status)
    assert heard.ended
    assert heard.body == b""
    assert upstream.transport.end == "aborted"


@pytest.mark.parametrize(
    ("data", "kept"),
    [(FIVE + b"\r\n", False), (CHUNKED, False), (OK + b"\r\n", False), (OK + b"Content-Length: 0\r\n\r\n", True)],
)
def test_the_answer_to_a_head_request_ends_with_its_head(data: bytes, kept: bool):
    """A body sent all the same is nobody's."""
    upstream, heard = said(data, head_only=True)
    assert heard.ended
    assert bool(upstream.released) is kept
    upstream, heard = said(FIVE + b"\r\nhello", head_only=True)
    assert heard.ended
    assert heard.body == b""
    assert heard.head[2] == 5
    assert not upstream.released


def test_interim_responses_are_reported_and_skipped():
    _, heard = said(b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 102 P\r\n\r\n" + FIVE + b"\r\nhello")
    assert heard.interims == [(103, [(b"link", b"x")]), (102, [])]
    assert heard.head == (200, [(b"content-length", b"5")], 5)


def test_values_come_without_outer_whitespace():
    _, heard = said(FIVE + b'ETag: \t"a" \t\r\nX:\r\nY: \xe4\r\n\r\nhello')
    assert heard.head[1][1:] == [(b"etag", b'"a"'), (b"x", b""), (b"y", b"\xe4")]


def test_one_exchange_after_another_on_one_connection():
    upstream = Upstream()
    for number in range(5):
        heard = upstream.asked()
        upstream.says(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n%d" % number, step=1)
        assert heard.body == b"%d" % number
    assert len(upstream.released) == upstream.connection.served == 5


def test_holding_stops_reading_and_a_released_connection_reads():
    upstream = Upstream()
    heard = upstream.asked()
    upstream.says(FIVE + b"\r\nhe")
    upstream.connection.pause_reading(on=True)
    upstream.connection.pause_reading(on=True)
    assert not upstream.transport.reading
    upstream.says(b"llo")
    assert heard.ended
    assert upstream.transport.reading


def test_cutting_says_nothing_to_the_exchange():
    upstream = Upstream()
    heard = upstream.asked()
    upstream.connection.abort()
    upstream.connection.connection_lost(None)
    assert (heard.ended, heard.error) == (False, None)
    assert upstream.lost == [upstream.connection]


def test_a_body_of_known_length_arrives_as_it_was_received():
    """The bytes themselves, in no copy; what follows its end is nobody's, and ends the connection."""
    upstream = Upstream()
    heard = upstream.asked()
    upstream.says(FIVE + b"\r\nh")
    pieces = []
    heard.on_body = pieces.append
    first, last = b"el", b"loHTTP/1.1 200 OK\r\n"
    upstream.connection.data_received(first)
    assert pieces[0] is first
    upstream.says(last)
    assert (pieces[1], heard.ended) == (b"lo", True)
    assert (upstream.transport.end, upstream.released) == ("aborted", [])


def test_who_gives_up_in_the_middle_of_a_body_hears_no_more():
    upstream = Upstream()
    heard = upstream.asked()
    upstream.says(FIVE + b"\r\nh")
    heard.on_body = lambda data: upstream.connection.abort()
    upstream.says(b"ello")
    assert (heard.ended, heard.error, upstream.released) == (False, None, [])


LARGE = random.Random(5).randbytes(3 * 1024 * 1024 + 7)


@pytest.mark.parametrize("step", [None, 40_000])
def test_a_large_body_is_read_into_buffers_that_readers_may_keep(step):
    """Its pieces stay as they are while more responses are read, also by other connections."""
    pieces: list = []
    first, second = Upstream(), Upstream()
    heard = first.asked()
    heard.on_body = pieces.append  # type: ignore[method-assign]
    first.says(OK + b"Content-Length: %d\r\n\r\n" % len(LARGE) + LARGE, step)
    for upstream in (first, second):
        upstream.asked()
        upstream.says(OK + b"Content-Length: %d\r\n\r\n" % len(LARGE) + bytes(len(LARGE)), step)
    assert heard.ended
    assert b"".join(pieces) == LARGE
    assert first.connection.is_usable


def test_what_follows_a_large_body_ends_the_connection():
    """Bytes that nobody asked for would be the response to the next request."""
    upstream = Upstream()
    heard = upstream.asked()
    upstream.says(OK + b"Content-Length: %d\r\n\r\n" % len(LARGE) + LARGE + b"HTTP/1.1 200 OK\r\n")
    assert heard.ended
    assert heard.body == LARGE
    assert upstream.transport.end == "aborted"
    assert not upstream.released
