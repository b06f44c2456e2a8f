"""The cases of h2spec, by the section of RFC 9113 (or 7541) that each is about, and some that it lacks.

Each is what a viewer sends after a good beginning, and what must come of it: an answer, one stream reset, or GOAWAY.
"""

from __future__ import annotations

import pytest

from edge.wire.h2.frames import PREFACE, Code, Kind
from tests.edge.wire.h2.ground import (
    GET,
    POST,
    SETTINGS,
    Answering,
    Ground,
    ended,
    frame,
    goaways,
    headers,
    literal,
    of,
    resets,
)

P, F, S, C, W, CALM, NO = (
    Code.PROTOCOL_ERROR, Code.FRAME_SIZE_ERROR, Code.STREAM_CLOSED, Code.COMPRESSION_ERROR, Code.FLOW_CONTROL_ERROR,
    Code.ENHANCE_YOUR_CALM, Code.REFUSED_STREAM,
)  # fmt: skip
END, ACK, LAST, PAD, PRIO = 1, 1, 4, 8, 32
BASE = b"\x82\x87\x84"
OPEN = headers(1, POST, LAST)
"""A request whose body is to come."""
ONE_LONG = headers(1, POST + literal(b"content-length", b"1"), LAST)
X, VALUE = b"\xf2\xb2\x4a", b"\x83\x49\x50\x90"
"""The beginning of a Huffman-coded name, and a value."""
HELD_PING = frame(6, 0, 0, b"pingpong")


def settings(name: int, value: int) -> bytes:
    return frame(4, 0, 0, name.to_bytes(2, "big") + value.to_bytes(4, "big"))


def window(stream: int, more: int) -> bytes:
    return frame(8, 0, stream, more.to_bytes(4, "big"))


FATAL = [
    # what, bytes, code
    ("3.5 first frame is not SETTINGS", None, HELD_PING, P),
    ("4.2 DATA above the largest size", b"", frame(0, END, 1, bytes(16_385)), F),
    ("4.2 HEADERS above the largest size", b"", headers(1, GET + bytes(16_385)), F),
    ("4.3 a block that cannot be decoded", b"", headers(1, b"\x82\x87\x84\xbe"), C),
    ("4.3 another frame within a block", b"", headers(1, GET, END) + HELD_PING, P),
    ("4.3 an unknown frame within a block", b"", headers(1, GET, END) + frame(0x16, 0, 0), P),
    ("4.3 a block continued on another stream", b"", headers(1, GET, END) + frame(9, LAST, 3), P),
    ("4.3 DATA within a block", b"", headers(1, GET, END) + frame(0, END, 1), P),
    ("5.1 idle: DATA", b"", frame(0, END, 1, b"x"), P),
    ("5.1 idle: RST_STREAM", b"", frame(3, 0, 1, bytes(4)), P),
    ("5.1 idle: WINDOW_UPDATE", b"", window(1, 1), P),
    ("5.1 idle: CONTINUATION", b"", frame(9, LAST, 1), P),
    ("5.1 ended: DATA", headers(1), frame(0, END, 1, b"x"), S),
    ("5.1 ended: HEADERS", headers(1), headers(1), S),
    ("5.1.1 a stream with an even number", b"", headers(2), P),
    ("5.1.1 a number below the last", headers(5), headers(3), P),
    ("6.1 DATA on stream 0", b"", frame(0, END, 0, b"x"), P),
    ("6.1 DATA with too much padding", OPEN, frame(0, END | PAD, 1, b"\x04abc"), P),
    ("6.1 padded DATA that is empty", OPEN, frame(0, END | PAD, 1), F),
    ("6.2 HEADERS on stream 0", b"", headers(0), P),
    ("6.2 HEADERS with too much padding", b"", headers(1, b"\x0a" + GET, END | LAST | PAD), P),
    ("6.2 HEADERS too short for its priority", b"", headers(1, b"\x00", END | LAST | PRIO), F),
    ("6.3 PRIORITY on stream 0", b"", frame(2, 0, 0, bytes(5)), P),
    ("6.4 RST_STREAM on stream 0", b"", frame(3, 0, 0, bytes(4)), P),
    ("6.4 RST_STREAM of another size", OPEN, frame(3, 0, 1, bytes(3)), F),
    ("6.5 SETTINGS ACK with a payload", b"", frame(4, ACK, 0, bytes(6)), F),
    ("6.5 SETTINGS on a stream", b"", frame(4, 0, 1), P),
    ("6.5 SETTINGS of another size", b"", frame(4, 0, 0, bytes(3)), F),
    ("6.5.2 ENABLE_PUSH of 2", b"", settings(2, 2), P),
    ("6.5.2 INITIAL_WINDOW_SIZE too large", b"", settings(4, 2**31), W),
    ("6.5.2 MAX_FRAME_SIZE too small", b"", settings(5, 16_383), P),
    ("6.5.2 MAX_FRAME_SIZE too large", b"", settings(5, 2**24), P),
    ("RFC 9218 2.1 NO_RFC7540_PRIORITIES of 2", b"", settings(9, 2), P),
    ("6.6 PUSH_PROMISE", b"", frame(5, LAST, 1, bytes(4) + GET), P),
    ("6.7 PING on a stream", b"", frame(6, 0, 1, bytes(8)), P),
    ("6.7 PING of another size", b"", frame(6, 0, 0, bytes(6)), F),
    ("6.8 GOAWAY on a stream", b"", frame(7, 0, 1, bytes(8)), P),
    ("6.8 GOAWAY too short", b"", frame(7, 0, 0, bytes(7)), F),
    ("6.9 WINDOW_UPDATE by 0", b"", window(0, 0), P),
    ("6.9 WINDOW_UPDATE of another size", b"", frame(8, 0, 0, bytes(3)), F),
    ("6.9.1 the connection's window overflows", b"", window(0, 2**31 - 1), W),
    ("6.9.2 a stream's window overflows by SETTINGS", OPEN + window(1, 2**30), settings(4, 2**31 - 1), W),
    ("6.10 CONTINUATION on stream 0", b"", headers(1, GET, END) + frame(9, LAST, 0), P),
    ("6.10 CONTINUATION after END_HEADERS", OPEN, frame(9, LAST, 1), P),
    ("6.10 a second CONTINUATION after the last", headers(1, POST, 0) + frame(9, LAST, 1), frame(9, LAST, 1), P),
    ("6.10 CONTINUATION after DATA", OPEN + frame(0, 0, 1, b"x"), frame(9, LAST, 1), P),
    ("RFC 9218 7.1 PRIORITY_UPDATE on a stream", b"", frame(16, 0, 1, bytes(8)), P),
    ("RFC 9218 7.1 PRIORITY_UPDATE of stream 0", b"", frame(16, 0, 0, bytes(4) + b"u=1"), P),
    ("RFC 9218 7.1 PRIORITY_UPDATE too short", b"", frame(16, 0, 0, bytes(3)), F),
    ("hpack 2.3.3 an index beyond the tables", b"", headers(1, BASE + b"\xff\x00"), C),
    ("hpack 4.2 a table size update at the end", b"", headers(1, GET + b"\x20"), C),
    ("hpack 5.2 Huffman padding of more than 7 bits", b"", headers(1, BASE + b"\x00\x85" + X + b"\x84\xff" + VALUE), C),
    ("hpack 5.2 Huffman padding of zeros", b"", headers(1, BASE + b"\x00\x85" + X + b"\x87\xff" + VALUE), C),
    ("hpack 5.2 EOS in a Huffman string", b"", headers(1, BASE + b"\x00\x88" + X + b"\x84" + b"\xff" * 4 + VALUE), C),
    ("hpack 5.1 a length cut short", b"", headers(1, BASE + b"\x00\x7f"), C),
    ("hpack 5.1 an integer without end", b"", headers(1, BASE + b"\xff" + b"\x80" * 30 + b"\x01"), C),
    ("hpack 6.1 index 0", b"", headers(1, BASE + b"\x80"), C),
    ("hpack 6.3 a table above the limit", b"", headers(1, b"\x3f\xe2\x1f" + GET), C),
]  # fmt: skip


@pytest.mark.parametrize(("before", "wrong", "code"), [one[1:] for one in FATAL], ids=[one[0] for one in FATAL])
async def test_the_connection_ends(before: bytes | None, wrong: bytes, code: Code) -> None:
    ground = Ground(begun=before is not None)
    ground.gets(PREFACE if before is None else before)
    sent = ground.gets(wrong, HELD_PING)
    assert [what for _, what in goaways(sent)] == [code]
    assert not [one for one in of(sent, Kind.PING) if one.payload == b"pingpong"], "it answers no more"
    assert ground.counts.h2_ends == {code.name.lower(): 1}


STREAM = [
    ("5.1 half-closed: DATA", headers(1), frame(0, END, 1, b"x"), S),
    ("5.1 half-closed: HEADERS", headers(1), headers(1), S),
    ("5.1 cancelled: DATA", headers(1) + frame(3, 0, 1, bytes(4)), frame(0, END, 1, b"x"), S),
    ("5.1 cancelled: HEADERS", headers(1) + frame(3, 0, 1, bytes(4)), headers(1), S),
    ("5.3.1 HEADERS that depends on itself", b"", headers(1, b"\x00\x00\x00\x01\x10" + GET, END | LAST | PRIO), P),
    ("5.3.1 PRIORITY that depends on itself", OPEN, frame(2, 0, 1, b"\x00\x00\x00\x01\x10"), P),
    ("6.3 PRIORITY of another size", OPEN, frame(2, 0, 1, bytes(4)), F),
    ("6.9 WINDOW_UPDATE by 0", OPEN, window(1, 0), P),
    ("6.9.1 the stream's window overflows", OPEN, window(1, 2**31 - 1), W),
    ("8.1 trailers without END_STREAM", OPEN, headers(1, literal(b"x", b"y"), LAST), P),
    ("8.1.2 an upper-case field name", b"", headers(1, GET + literal(b"X-Test", b"ok")), P),
    ("8.1.2.1 an unknown pseudo-field", b"", headers(1, GET + literal(b":test", b"ok")), P),
    ("8.1.2.1 a response's pseudo-field", b"", headers(1, GET + literal(b":status", b"200")), P),
    ("8.1.2.1 a pseudo-field as a trailer", OPEN, headers(1, literal(b":method", b"GET")), P),
    ("8.1.2.1 a pseudo-field after a field", b"", headers(1, BASE[:2] + literal(b"x", b"y") + b"\x84"), P),
    ("8.1.2.2 Connection", b"", headers(1, GET + literal(b"connection", b"keep-alive")), P),
    ("8.1.2.2 Transfer-Encoding", b"", headers(1, GET + literal(b"transfer-encoding", b"chunked")), P),
    ("8.1.2.2 Upgrade", b"", headers(1, GET + literal(b"upgrade", b"h2c")), P),
    ("8.1.2.2 TE that is not trailers", b"", headers(1, GET + literal(b"te", b"trailers, deflate")), P),
    ("8.1.2.3 an empty :path", b"", headers(1, b"\x82\x87" + literal(b":path", b"") + b"\x41\x01a"), P),
    ("8.1.2.3 no :method", b"", headers(1, b"\x87\x84\x41\x01a"), P),
    ("8.1.2.3 no :scheme", b"", headers(1, b"\x82\x84\x41\x01a"), P),
    ("8.1.2.3 no :path", b"", headers(1, b"\x82\x87\x41\x01a"), P),
    ("8.1.2.3 :method twice", b"", headers(1, b"\x82" + GET), P),
    ("8.1.2.3 :scheme twice", b"", headers(1, b"\x87" + GET), P),
    ("8.1.2.3 :path twice", b"", headers(1, b"\x84" + GET), P),
    ("8.1.2.6 Content-Length of another body", ONE_LONG, frame(0, END, 1, b"test"), P),
    ("8.1.2.6 the same over several frames", ONE_LONG + frame(0, 0, 1, b""), frame(0, END, 1, b""), P),
    ("8.1.2.6 the same without a body", b"", headers(1, POST + literal(b"content-length", b"1")), P),
    ("8.1.2.6 Content-Length that is no number", b"", headers(1, POST + literal(b"content-length", b"+1"), LAST), P),
    ("8.2.1 a field value with a line end", b"", headers(1, GET + literal(b"x", b"a\r\nb: c")), P),
    ("8.2.1 a field value with a space before it", b"", headers(1, GET + literal(b"x", b" a")), P),
    ("8.2.1 a field name with a colon", b"", headers(1, GET + literal(b"a:b", b"c")), P),
    ("8.3.1 :authority and Host differ", b"", headers(1, GET + literal(b"host", b"b")), P),
    ("8.3.1 Host twice", b"", headers(1, GET + literal(b"host", b"a") + literal(b"host", b"a")), P),
    ("8.3.1 a :path that is none", b"", headers(1, b"\x82\x87" + literal(b":path", b"x") + b"\x41\x01a"), P),
    ("8.5 CONNECT with a path", b"", headers(1, literal(b":method", b"CONNECT") + b"\x84\x41\x01a"), P),
]  # fmt: skip


@pytest.mark.parametrize(("before", "wrong", "code"), [one[1:] for one in STREAM], ids=[one[0] for one in STREAM])
async def test_one_stream_is_reset(before: bytes, wrong: bytes, code: Code) -> None:
    """And the connection goes on: the next request is answered."""
    ground = Ground(Answering(holds=True))
    ground.gets(before)
    sent = ground.gets(wrong)
    assert (resets(sent), goaways(sent)) == ([(1, code)], [])
    ground.handler.holds = False
    assert ended(ground.gets(headers(7))) == [7]


FINE = [
    ("4.1 an unknown frame type", frame(0x16, 0, 0, bytes(8))),
    ("4.1 unknown flags", frame(6, 0xFE, 0, bytes(8))),
    ("4.1 the reserved bit", frame(6, 0, 2**31, bytes(8))),
    ("4.2 DATA of the largest size", headers(3, POST, LAST) + frame(0, END, 3, bytes(16_384))),
    ("5.1 closed: PRIORITY", headers(3) + frame(2, 0, 3, bytes(5))),
    ("5.1 closed: WINDOW_UPDATE", headers(3) + window(3, 100)),
    ("5.1 idle: PRIORITY", frame(2, 0, 3, bytes(5))),
    ("5.5 an unknown setting", settings(0xFF, 1)),
    ("6.2 padding", headers(3, b"\x04" + GET + bytes(4), END | LAST | PAD)),
    ("6.2 padding and priority", headers(3, b"\x04" + bytes(4) + b"\x10" + GET + bytes(4), END | LAST | PAD | PRIO)),
    ("6.7 PING ACK", frame(6, ACK, 0, bytes(8))),
    ("6.8 GOAWAY", frame(7, 0, 0, bytes(8) + b"bye")),
    ("6.10 two CONTINUATION frames", headers(3, GET[:1], END) + frame(9, 0, 3, GET[1:3]) + frame(9, LAST, 3, GET[3:])),
    ("8.1 trailers", headers(3, POST, LAST) + frame(0, 0, 3, b"x") + headers(3, literal(b"x-sum", b"1"))),
    ("8.1.2.2 TE: trailers", headers(3, GET + literal(b"te", b"trailers"))),
    ("8.1.2.6 Content-Length", headers(3, POST + literal(b"content-length", b"2"), LAST) + frame(0, END, 3, b"ab")),
    ("8.3.1 Host in place of :authority", headers(3, BASE + literal(b"host", b"a"))),
    ("hpack 4.2 a table size update at the start", headers(3, b"\x20" + GET)),
    ("hpack 6.2 each way to say a field", headers(3, GET + b"\x10\x01x\x01y" + b"\x40\x01x\x01y" + b"\x0f\x03\x01t")),
    ("RFC 9218 PRIORITY_UPDATE", frame(16, 0, 0, b"\x00\x00\x00\x03u=1, i") + headers(3)),
]  # fmt: skip


@pytest.mark.parametrize("data", [one[1] for one in FINE], ids=[one[0] for one in FINE])
async def test_nothing_is_wrong(data: bytes) -> None:
    """The stream in question, if any, and the next one are answered."""
    ground = Ground()
    sent = ground.gets(data, headers(9))
    assert (resets(sent), goaways(sent)) == ([], [])
    asks = any(headers(3, flags=flags)[3:9] in data for flags in range(48))
    assert ended(sent) == ([3, 9] if asks else [9])


async def test_a_stream_that_is_closed_may_be_cancelled_too_late() -> None:
    """5.1 closed: RST_STREAM."""
    ground = Ground()
    ground.gets(headers(3))
    assert ground.gets(frame(3, 0, 3, bytes(4)), headers(9))[-1][:3] == (Kind.DATA, END, 9)


@pytest.mark.parametrize("size", [1, 7, 1000])
async def test_how_the_bytes_are_cut_makes_no_difference(size: int) -> None:
    ground = Ground(begun=False)
    data = PREFACE + SETTINGS + headers(1) + headers(3, POST, LAST) + frame(0, END, 3, b"body") + HELD_PING
    for at in range(0, len(data), size):
        ground.connection.data_received(data[at : at + size])
    sent = ground.sent()
    assert (ended(sent), len(of(sent, Kind.PING))) == ([1, 3], 1)
    assert [request.body for request in ground.handler.requests] == [b"", b"body"]


@pytest.mark.parametrize(
    "preface", [b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", PREFACE[:-1] + b"!", b"\x16\x03\x01" + bytes(30)]
)
async def test_what_does_not_begin_as_http2_is_ended(preface: bytes) -> None:
    assert goaways(Ground(begun=False).gets(preface)) == [(0, P)]


async def test_too_many_streams_are_refused_and_the_rest_answered() -> None:
    """§5.1.2: with a code that lets the viewer try again."""
    ground = Ground(Answering(holds=True))
    sent = ground.gets(*(headers(2 * number + 1) for number in range(101)))
    assert resets(sent) == [(201, NO)]
    assert len(ground.handler.requests) == 100


async def test_settings_and_pings_are_acknowledged() -> None:
    """§6.5.3, §6.7."""
    sent = Ground().gets(settings(3, 10), HELD_PING)
    assert [one[:4] for one in sent] == [(Kind.SETTINGS, ACK, 0, b""), (Kind.PING, ACK, 0, b"pingpong")]
