"""Random requests, wrong in random ways, in random pieces: read by the connection and by the reference, compared.

nice .venv/bin/python -m tests.edge.wire.fuzz SEED SECONDS
"""

from __future__ import annotations

import random
import sys
import time

from edge.wire.http1_server import Connection
from edge.wire.request import Malformed, Request
from tests.edge.wire.fakes import GENERAL, FakeTransport, Remembering
from tests.edge.wire.reference import read

METHODS = [b"GET", b"HEAD", b"POST", b"PUT", b"DELETE", b"OPTIONS", b"TRACE", b"FOO", b"get"]
FIELDS = [
    b"Content-Length: 5", b"Content-Length: 0", b"content-length:3", b"Transfer-Encoding: chunked", b"TE: trailers",
    b"Connection: close", b"Connection: keep-alive", b"Expect: 100-continue", b"X: y", b"Cookie: a=b", b"Cookie: c=d",
    b"Upgrade: h2c", b"Connection: upgrade, x", b"Range: bytes=0-1", b"Authorization: a", b"Content-Type: a/b", b"Y:",
]  # fmt: skip
CHUNKS = [b"5\r\nhello\r\n", b"1\r\nx\r\n", b"3;a=b\r\nabc\r\n", b"A \t; z\r\n0123456789\r\n", b"02\r\n\r\n\r\n"]
TAILS = [b"0\r\n\r\n", b"0\r\nX: y\r\n\r\n", b"00;e\r\n\r\n", b"0\r\nContent-Length: 5\r\n\r\n"]
BITS = [
    b"\r", b"\n", b"\r\n", b"\r\n\r\n", b" ", b"\t", b"\0", b":", b",", b";", b"=", b"0", b"5", b"\x7f", b"\x80",
    b"\xff", b"a", b"Host: a\r\n", b"Host: b\r\n", b"Content-Length: 5\r\n", b"Transfer-Encoding: chunked\r\n",
    b"GET / HTTP/1.1\r\n", b"/", b"*", b"HTTP/1.0", b"HTTP/1.1", b"HTTP/2.0", b"chunked", b"#", b"\\", b"-", b"+",
]  # fmt: skip


def one_request(dice: random.Random) -> bytes:
    """A request that is often right."""
    method, version = dice.choice(METHODS), dice.choice((b"1.1", b"1.1", b"1.1", b"1.0", b"1.2"))
    fields = [b"Host: a", *dice.sample(FIELDS, dice.choice((0, 0, 1, 2, 3)))]
    dice.shuffle(fields)
    target = b"*" if method == b"OPTIONS" and dice.random() < 0.3 else b"/%d?a;b=%%2f" % dice.randrange(10)
    head = b"%s %s HTTP/%s\r\n%s\r\n\r\n" % (method, target, version, b"\r\n".join(fields))
    if b"chunked" in head:
        return head + b"".join(dice.choices(CHUNKS, k=dice.randrange(3))) + dice.choice(TAILS)
    if b"ength: 5" in head:
        return head + b"hello"
    return head + (b"abc" if b"ength:3" in head else b"")


def mutated(data: bytes, dice: random.Random) -> bytes:
    """Some bytes put in, taken out, changed or doubled."""
    for _ in range(dice.choice((0, 1, 1, 2, 3, 5))):
        at = dice.randrange(len(data) + 1)
        stop = min(len(data), at + dice.choice((0, 0, 1, 1, 2, 10)))
        put = dice.choice((dice.choice(BITS), b"", data[at:stop] * 2, bytes((dice.randrange(256),))))
        data = data[:at] + put + data[stop:]
    return data


class Late(Remembering):
    """Answers now or when asked to, at random; no request is handed over while another one is answered."""

    def __init__(self, dice: random.Random) -> None:
        super().__init__()
        self.dice = dice
        self.open = 0

    def handle(self, request: Request, connection: Connection) -> None:
        assert self.open == 0, "a request within another"
        self.open = 1
        self.requests.append(request)
        if self.dice.random() < 0.7:
            self.finish(connection)

    def finish(self, connection: Connection) -> None:
        self.open = 0
        self.answer(connection)

    def refuse_malformed(self, what: Malformed, connection: Connection) -> None:
        assert self.open == 0, "a refusal within an answer"
        super().refuse_malformed(what, connection)


def outcome(data: bytes, dice: random.Random) -> tuple[list[tuple[bytes, bytes, bytes]], bool]:
    """What the connection makes of it, and that each request was answered once and in order."""
    handler, transport = Late(dice), FakeTransport()
    connection = Connection(handler, GENERAL)
    connection.connection_made(transport)  # type: ignore[arg-type]  # a fake
    at = 0
    while at < len(data):
        step = dice.choice((1, 2, 3, 7, 20, 100, 1000))
        connection.data_received(data[at : at + step])
        at += step
        if handler.open and dice.random() < 0.5:
            handler.finish(connection)
    while handler.open:
        handler.finish(connection)
    said = transport.out.replace(b"HTTP/1.1 100 Continue\r\n\r\n", b"")
    expected = b"".join(b"<%d>" % number for number in range(1, len(handler.requests) + 1))
    expected += b"".join(b"<%d %s>" % (one.status, one.reason.encode()) for one in handler.refused)
    assert said == expected, (said, expected)
    assert len(handler.refused) <= 1
    return [(one.method, one.target, one.body) for one in handler.requests], bool(handler.refused)


def agrees(data: bytes, dice: random.Random) -> bool:
    """Whether both readings agree. A refusal that the reference sees only after more bytes may come earlier."""
    ours, refused = outcome(data, dice)
    theirs, refuses = read(data)
    # Whatever cannot become a request any more may be refused before its line is whole.
    return ours == theirs and (refused == refuses or (refused and read(data + b"\r\n\r\n\r\n0\r\n\r\n")[1]))


def differs(seed: int) -> bytes | None:
    """The bytes of this seed where the two readings differ."""
    dice = random.Random(seed)
    data = mutated(b"".join(one_request(dice) for _ in range(dice.choice((1, 1, 2, 3)))), dice)
    try:
        return None if agrees(data, dice) else data
    except AssertionError as error:
        return b"%s: %s" % (str(error).encode(), data)


if __name__ == "__main__":
    first, until = int(sys.argv[1]), time.process_time() + float(sys.argv[2])
    tried = first
    while time.process_time() < until:
        found = differs(tried)
        if found is not None:
            print(tried, found, read(found), outcome(found, random.Random(1)))
        tried += 1
    print(tried - first, "tried")
