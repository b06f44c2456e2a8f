"""The head of a relayed request: what the owner must know, and nothing that concerns the viewer's connection only."""

import pytest

from edge.node.relay import relayed_head
from edge.wire.request import Request
from edge.wire.upload import BodyBudget, Upload


def lines_of(fields, body=b"", method=b"GET"):
    head = relayed_head(Request(method, b"/a?b", fields, 1, True, body), "192.0.2.1")
    assert head.endswith(b"\r\n\r\n")
    first, *lines = head[:-4].split(b"\r\n")
    return first, {line.partition(b": ")[0].lower(): line.partition(b": ")[2] for line in lines}


def test_the_viewers_address_goes_along_and_cannot_be_forged():
    first, fields = lines_of({b"host": b"h", b"matinee-viewer": b"198.51.100.9", b"range": b"bytes=0-1"})
    assert first == b"GET /a?b HTTP/1.1"
    assert fields == {b"matinee-viewer": b"192.0.2.1", b"host": b"h", b"range": b"bytes=0-1"}


def test_a_viewers_close_does_not_close_the_owners_connection():
    assert b"connection" not in lines_of({b"host": b"h", b"connection": b"close"})[1]
    assert lines_of({b"connection": b"keep-alive, X-Hop"})[1][b"connection"] == b"X-Hop"


@pytest.mark.parametrize(
    ("body", "framing"),
    [
        (b"abc", (b"content-length", b"3")),
        (Upload(BodyBudget(), 9, keep_alive=True), (b"content-length", b"9")),
        (Upload(BodyBudget(), None, keep_alive=True), (b"transfer-encoding", b"chunked")),
    ],
)
def test_a_body_is_framed_anew(body, framing):
    _, fields = lines_of({b"host": b"h", b"content-length": b"77", b"expect": b"100-continue"}, body, b"POST")
    del fields[b"matinee-viewer"], fields[b"host"]
    assert fields == dict([framing])
