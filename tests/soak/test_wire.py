"""The client keeps to the letter of RFC 9112."""

import asyncio

import pytest

from tests.soak.wire import Broken, Misframed, Wire


async def heard(data, *, head_only=False):
    """Status, body and what is left over of bytes that an edge might have sent."""
    reader = asyncio.StreamReader()
    reader.feed_data(data)
    reader.feed_eof()
    wire = Wire(reader, None)
    head = await wire.head()
    body = b"".join([piece async for piece in wire.body(head, head_only=head_only)])
    return head.status, body, wire.surplus


async def test_framing():
    assert await heard(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nabc") == (200, b"ab", b"c")
    chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n1\r\nc\r\n0\r\n\r\n"
    assert await heard(chunked) == (200, b"abc", b"")
    assert await heard(b"HTTP/1.1 200 OK\r\n\r\nabc") == (200, b"abc", b"")
    assert await heard(b"HTTP/1.1 304 No\r\nContent-Length: 2\r\n\r\n") == (304, b"", b"")
    assert await heard(b"HTTP/1.1 103 H\r\nA: b\r\n\r\nHTTP/1.1 204 N\r\n\r\n") == (204, b"", b"")
    assert await heard(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n", head_only=True) == (200, b"", b"")


@pytest.mark.parametrize(
    "data",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\nab",
        b"HTTP/1.1 200 OK\r\nContent-Length: +2\r\n\r\nab",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0x2\r\nab\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nabc\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nA : b\r\n\r\n",
        b"POISON\r\n\r\n",
    ],
)
async def test_what_is_no_response(data):
    with pytest.raises(Misframed):
        await heard(data)


@pytest.mark.parametrize(
    "data",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nab",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Le",
    ],
)
async def test_what_is_cut(data):
    with pytest.raises(Broken):
        await heard(data)
