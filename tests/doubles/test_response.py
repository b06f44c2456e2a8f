"""The parser of responses: what it lets pass, tests of framing let pass."""

import pytest

from tests.doubles.response import ResponseParser, read_responses

OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n1;x=y\r\n!\r\n0\r\nX: t\r\n\r\n"
LENGTH = OK + b"Content-Length: 5\r\n\r\nhello"


@pytest.mark.parametrize("step", [1, 2, 7, 1000])
def test_responses_of_one_connection_in_pieces_of_any_size(step):
    parser, ended = ResponseParser("GET", "HEAD"), []
    data = b"HTTP/1.1 103 Early\r\nLink: a\r\n\r\n" + CHUNKED + OK + b"Content-Length: 9\r\n\r\n" + LENGTH
    for at in range(0, len(data), step):
        ended += parser.feed(data[at : at + step])
    assert [(one.body, one.whole, one.interim) for one in ended] == [
        (b"hello!", True, [103]), (b"", True, []), (b"hello", True, [])
    ]  # fmt: skip
    assert parser.responses == ended


@pytest.mark.parametrize(
    ("data", "body", "whole"),
    [
        (LENGTH[:-2], b"hel", False),
        (OK + b"\r\nhello", b"hello", True),
        (CHUNKED.partition(b"lo")[0], b"hel", False),
        (CHUNKED[:-2], b"hello!", False),
        (b"HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n", b"", True),
    ],
)
def test_where_a_connection_ends(data, body, whole):
    (response,) = read_responses(data)
    assert (response.body, response.whole) == (body, whole)


@pytest.mark.parametrize(
    "data",
    [
        b"hello\r\n\r\n",
        OK + b"X : y\r\n\r\n",
        OK + b"no field\r\n\r\n",
        OK + b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n",
        OK + b"Transfer-Encoding: gzip\r\n\r\n",
        OK + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello!\r\n",
    ],
)
def test_what_is_no_response(data):
    with pytest.raises(AssertionError):
        read_responses(data)
