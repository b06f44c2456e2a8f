"""A connection of HTTP/2 without a socket: bytes in, frames out; and a handler that remembers."""

from __future__ import annotations

import asyncio
import struct
from typing import Any, NamedTuple

from edge.counters import Counts
from edge.wire.h2.frames import PREFACE, Code, Kind
from edge.wire.h2.h2_server import Http2Connection
from edge.wire.head import Limits
from edge.wire.request import Malformed, Request
from edge.wire.response_writer import ResponseWriter
from edge.wire.upload import Upload
from kernel.vocabulary import Abort
from tests.edge.wire.fakes import GENERAL, FakeTransport

GET = b"\x82\x87\x84\x41\x01a"
"""The block of `GET https://a/`; `:authority` goes into the table, as its first entry."""
POST = b"\x83\x87\x84\x41\x01a"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b"


def frame(kind: int, flags: int, stream: int, payload: bytes = b"") -> bytes:
    """A frame by hand, right or wrong."""
    return len(payload).to_bytes(3, "big") + bytes((kind, flags)) + struct.pack("!I", stream) + payload


def headers(stream: int, block: bytes = GET, flags: int = 5) -> bytes:
    return frame(1, flags, stream, block)


def literal(name: bytes, value: bytes) -> bytes:
    """A field that is not indexed, with a literal name."""
    return b"\x00" + bytes((len(name),)) + name + bytes((len(value),)) + value


SETTINGS = frame(4, 0, 0)


class Frame(NamedTuple):
    """A frame of ours."""

    kind: Kind
    flags: int
    stream: int
    payload: bytes


def frames_in(data: bytes) -> list[Frame]:
    """All frames in these bytes, which must end with one."""
    found = []
    while data:
        size = int.from_bytes(data[:3], "big")
        assert len(data) >= 9 + size, "a frame is cut"
        found.append(Frame(Kind(data[3]), data[4], int.from_bytes(data[5:9], "big"), data[9 : 9 + size]))
        data = data[9 + size :]
    return found


class Answering:
    """Answers each request with the same body, at once or (`holds`) when told."""

    def __init__(self, body: bytes = b"ok", *, holds: bool = False) -> None:
        self.body = body
        self.holds = holds
        self.requests: list[Request] = []
        self.writers: list[ResponseWriter] = []
        self.refused: list[Malformed] = []
        self.aborts: list[Abort] = []
        self.lost: list[int] = []
        self.known_heads: dict[bytes, None] = {}
        self.opened = self.closed = 0

    def on_connection_opened(self, connection: Any) -> None:
        self.opened += 1

    def on_connection_closed(self, connection: Any) -> None:
        self.closed += 1

    def aborted(self, connection: Any, why: Abort, detail: str) -> None:
        self.aborts.append(why)

    def try_fast_path(self, grant: Any, name: bytes, connection: Any) -> bool:
        return False

    def handle(self, request: Request, connection: Any) -> None:
        number = len(self.requests)
        self.requests.append(request)
        self.writers.append(connection)
        connection.on_lost = lambda: self.lost.append(number)
        if isinstance(request.body, Upload):
            request.body.send_to(Sink(self, connection))
        elif not self.holds:
            self.answer(connection)

    def answer(self, writer: Any) -> None:
        writer.settle_keep_alive(self.requests[-1])
        writer.write(OK % (len(self.body), b"" if writer.is_head else self.body))
        writer.done()

    def refuse_malformed(self, what: Malformed, connection: Any) -> None:
        self.refused.append(what)
        body = b"" if connection.is_head else what.reason.encode()
        connection.write(b"HTTP/1.1 %d No\r\nConnection: close\r\n\r\n%b" % (what.status, body))


class Sink:
    """An upstream that takes an upload, and then the request is answered."""

    unsent = 0

    def __init__(self, handler: Answering, writer: Any) -> None:
        self.handler, self.writer = handler, writer
        self.got = b""
        handler.sink = self  # type: ignore[attr-defined]

    def send(self, data: bytes) -> None:
        self.got += data

    def finish_request(self) -> None:
        self.handler.answer(self.writer)

    def abort_request(self) -> None:
        self.got += b"<broken>"


class Ground:
    """One connection. `begun`: the viewer's preface and SETTINGS have come, ours are taken away."""

    def __init__(self, handler: Any = None, *, limits: Limits = GENERAL, begun: bool = True, eof: bool = False) -> None:
        self.handler = handler or Answering()
        self.counts = Counts()
        self.connection = Http2Connection(self.handler, limits, self.counts)
        self.transport = FakeTransport(eof=eof)
        self.connection.connection_made(self.transport)  # type: ignore[arg-type]
        if begun:
            self.gets(PREFACE + SETTINGS)

    def gets(self, *data: bytes) -> list[Frame]:
        """The viewer sends this; the frames that it gets at once."""
        self.connection.data_received(b"".join(data))
        return self.sent()

    def sent(self) -> list[Frame]:
        """The frames that the viewer got since the last time."""
        data, self.transport.out = self.transport.out, b""
        return frames_in(data)

    async def later(self) -> list[Frame]:
        """The frames of the event loop's next turns."""
        for _ in range(3):
            await asyncio.sleep(0)
        return self.sent()


def of(frames: list[Frame], kind: Kind) -> list[Frame]:
    return [one for one in frames if one.kind is kind]


def resets(frames: list[Frame]) -> list[tuple[int, Code]]:
    return [(one.stream, Code(int.from_bytes(one.payload, "big"))) for one in of(frames, Kind.RST_STREAM)]


def goaways(frames: list[Frame]) -> list[tuple[int, Code]]:
    return [
        (int.from_bytes(one.payload[:4], "big"), Code(int.from_bytes(one.payload[4:8], "big")))
        for one in of(frames, Kind.GOAWAY)
    ]


def body_of(frames: list[Frame], stream: int) -> bytes:
    return b"".join(one.payload for one in of(frames, Kind.DATA) if one.stream == stream)


def ended(frames: list[Frame]) -> list[int]:
    """Streams that got END_STREAM, in that order."""
    return [one.stream for one in frames if one.kind in (Kind.DATA, Kind.HEADERS) and one.flags & 1]
