"""A transport without a socket and a handler that remembers, to drive connections directly."""

from __future__ import annotations

from typing import Any

from edge.wire.http1_server import Connection
from edge.wire.request import Malformed, Request
from edge.wire.request_reader import Limits
from edge.wire.upload import Upload
from kernel.vocabulary import Abort

GENERAL = Limits(body=1 << 20)
MEDIA = Limits()


class FakeTransport:
    """Takes everything; `queued` is what it claims to hold back."""

    def __init__(self, *, eof: bool = True) -> None:
        self.out = b""
        self.end = ""
        self.reading = True
        self.queued = 0
        self._eof = eof

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        self.high = high

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return ("192.0.2.7", 4711) if name == "peername" else default

    def get_write_buffer_size(self) -> int:
        return self.queued

    def write(self, data: Any) -> None:
        self.out += bytes(data)

    def writelines(self, pieces: Any) -> None:
        self.out += b"".join(bytes(piece) for piece in pieces)

    def can_write_eof(self) -> bool:
        return self._eof

    def write_eof(self) -> None:
        self.end = "eof"

    def close(self) -> None:
        self.end = "closed"

    def abort(self) -> None:
        self.end = "aborted"

    def is_closing(self) -> bool:
        return self.end in ("closed", "aborted")

    def pause_reading(self) -> None:
        assert self.reading
        self.reading = False

    def resume_reading(self) -> None:
        assert not self.reading
        self.reading = True


class Remembering:
    """A handler that answers at once with the number of the request, or when told (`holds`)."""

    def __init__(self, *, holds: bool = False) -> None:
        self.requests: list[Request] = []
        self.refused: list[Malformed] = []
        self.known_heads: dict[bytes, None] = {}
        self.holds = holds
        self.aborts: list[Abort] = []
        self.opened_count = self.closed_count = 0

    def on_connection_opened(self, connection: Connection) -> None:
        self.opened_count += 1

    def on_connection_closed(self, connection: Connection) -> None:
        self.closed_count += 1

    def aborted(self, connection: Connection, why: Abort, detail: str) -> None:
        self.aborts.append(why)

    def try_fast_path(self, grant: Any, name: bytes, connection: Connection) -> bool:
        return False

    def handle(self, request: Request, connection: Connection) -> None:
        self.requests.append(request)
        if isinstance(request.body, Upload):
            Taker(request, connection, self)
        elif not self.holds:
            self.answer(connection)

    def answer(self, connection: Connection) -> None:
        connection.transport.write(b"<%d>" % len(self.requests))
        connection.done()

    def refuse_malformed(self, what: Malformed, connection: Connection) -> None:
        self.refused.append(what)
        connection.transport.write(b"<%d %s>" % (what.status, what.reason.encode()))


class Taker:
    """An upstream that takes an upload at once; when it is whole it is the request's body, and answered."""

    unsent = 0

    def __init__(self, request: Request, connection: Connection, handler: Remembering) -> None:
        assert isinstance(request.body, Upload)
        self.request, self.connection, self.handler = request, connection, handler
        self.chunked = request.body.length is None
        self.got = b""
        request.body.send_to(self)

    def send(self, data: bytes) -> None:
        if self.chunked:
            size, _, rest = data.partition(b"\r\n")
            data = rest[: int(size, 16)]
        self.got += data

    def finish_request(self) -> None:
        self.connection.settle_keep_alive(self.request)
        self.request.body = self.got
        if not self.handler.holds:
            self.handler.answer(self.connection)

    def abort_request(self) -> None:
        self.got += b"<broken>"


def connected(handler: Any, limits: Limits = GENERAL, transport: Any = None) -> tuple[Connection, Any]:
    """A connection of a viewer that has just been made."""
    connection = Connection(handler, limits)
    transport = transport or FakeTransport()
    connection.connection_made(transport)
    return connection, transport


def fed(
    data: bytes, limits: Limits = GENERAL, *, step: int | None = None, cut: int | None = None
) -> tuple[Remembering, Any]:
    """What a connection makes of these bytes, in one segment, in two (`cut`) or in steps of so many bytes."""
    handler = Remembering()
    connection, transport = connected(handler, limits)
    if cut is not None:
        connection.data_received(data[:cut])
        data = data[cut:]
    for at in range(0, len(data), step or len(data)):
        connection.data_received(data[at : at + (step or len(data))])
    return handler, transport
