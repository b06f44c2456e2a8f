import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernel.media.playlist import ByteRange
from loadtest.drivers.http1 import MAX_HEAD, BrokenResponse, Endpoint, ResponseReader, request_head, target_of

PLAIN = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nCache-Status: e1; hit\r\nX-Other: 1\r\n\r\nhello"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3;x=y\r\nhel\r\n2\r\nlo\r\n0\r\nA: b\r\n\r\n"
UNTIL_CLOSE = b"HTTP/1.0 200 OK\r\n\r\nhello"
AFTER_INTERIM = b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n" + PLAIN


def read(data, *, sizes=()):
    """A reader that was fed `data` in pieces of these sizes, the last one over again."""
    reader, at, turn = ResponseReader(), 0, 0
    reader.begin(keeps_body=True)
    while at < len(data):
        size = sizes[min(turn, len(sizes) - 1)] if sizes else len(data)
        reader.feed(memoryview(data)[at : at + size])
        at, turn = at + size, turn + 1
    return reader


@pytest.mark.parametrize("data", [PLAIN, CHUNKED, AFTER_INTERIM])
@given(sizes=st.lists(st.integers(1, 40), min_size=1, max_size=20))
def test_a_response_is_the_same_however_it_arrives(data, sizes):
    reader = read(data, sizes=sizes)
    assert reader.is_done
    assert (reader.status, bytes(reader.body), reader.size) == (200, b"hello", 5)
    assert reader.can_reuse


def test_fields_are_kept_by_lower_case_name_if_somebody_reads_them():
    assert read(PLAIN).headers == {"content-length": "5", "cache-status": "e1; hit"}


def test_the_close_ends_a_response_without_a_length():
    reader = read(UNTIL_CLOSE)
    assert not reader.is_done
    assert reader.feed_end()
    assert bytes(reader.body) == b"hello"
    assert not reader.can_reuse


@pytest.mark.parametrize("data", [PLAIN[:-1], CHUNKED[:-2], PLAIN[:20]])
def test_the_close_does_not_complete_a_response_with_a_length(data):
    assert not read(data).feed_end()


@pytest.mark.parametrize(
    ("head", "reusable"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", True),
        (b"HTTP/1.1 204 No Content\r\n\r\n", True),
        (b"HTTP/1.1 304 Not Modified\r\nContent-Length: 99\r\n\r\n", True),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n", False),
        (b"HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n", False),
        (b"HTTP/1.0 200 OK\r\nContent-Length: 0\r\nConnection: Keep-Alive\r\n\r\n", True),
    ],
)
def test_whether_the_connection_can_carry_another_request(head, reusable):
    reader = read(head)
    if not reader.is_done:
        # A body of no bytes is seen as whole with the next look.
        reader.feed(memoryview(b""))
    assert reader.is_done
    assert reader.can_reuse == reusable


@pytest.mark.parametrize(
    "data",
    [
        b"SSH-2.0-x\r\n\r\n",
        b"HTTP/1.1 20x OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nab",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"1" * 5000,
        b"HTTP/1.1 200 OK\r\n" + b"a: b\r\n" * (MAX_HEAD // 6),
        PLAIN + b"x",
    ],
)
def test_what_is_no_response_is_refused(data):
    with pytest.raises(BrokenResponse):
        read(data)


def test_bytes_after_the_end_are_refused():
    reader = read(PLAIN)
    with pytest.raises(BrokenResponse):
        reader.feed(memoryview(b"x"))


def test_a_second_response_knows_nothing_of_the_first():
    reader = read(CHUNKED)
    reader.begin(keeps_body=False)
    reader.feed(memoryview(PLAIN))
    assert reader.is_done
    assert (reader.size, bytes(reader.body)) == (5, b"")


def test_a_request_in_bytes():
    target = target_of("https://u:p@h.example:8443/a/b?c=d#e")
    assert target.endpoint == Endpoint("h.example", 8443, True)
    head = request_head(target, (("A", "b"),), byte_range=ByteRange(5, 10))
    assert head == b"GET /a/b?c=d HTTP/1.1\r\nHost: h.example:8443\r\nA: b\r\nRange: bytes=5-14\r\n\r\n"
    post = request_head(target_of("http://h"), (), body=b"xyz")
    assert post == b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nxyz"
    with pytest.raises(ValueError, match="line break"):
        request_head(target, (("A", "b\r\nInjected: 1"),))
    for wrong in ("ftp://h/", "/relative", "http://"):
        with pytest.raises(ValueError, match="address"):
            target_of(wrong)
