"""HTTP/1.1 responses as tests read them: a strict parser that is fed bytes, in whatever pieces they come."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import socket
from collections import deque
from dataclasses import dataclass, field
from typing import Any

_STATUS = re.compile(r"HTTP/1\.[01] (\d{3})(?: .*)?")


@dataclass
class Response:
    """What came. `headers`: names in lower case; `lines`: fields as they came; `whole`: the body came to its end."""

    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    whole: bool = False
    lines: list[str] = field(default_factory=list)
    interim: list[int] = field(default_factory=list)
    """Status codes of the interim responses before it."""

    @property
    def cache_status(self) -> str:
        return self.headers.get("cache-status", "")

    @property
    def age(self) -> int | None:
        return int(self.headers["age"]) if "age" in self.headers else None

    @property
    def reason(self) -> str:
        """The reason word of a problem document."""
        return str(self.json().get("reason"))

    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)

    def values(self, name: str) -> list[str]:
        """The values of a field, line by line."""
        parts = (line.partition(":") for line in self.lines)
        return [value.strip() for key, _, value in parts if key.lower() == name.lower()]


class ResponseParser:
    """`feed` it bytes, and `end` it when the connection ends; `responses` are all that have begun, the last may go on.

    `asked` names the method of each request in its order, GET where it says nothing; HEAD is answered without a body.
    AssertionError where what comes is no response.
    """

    def __init__(self, *asked: str) -> None:
        self.responses: list[Response] = []
        self.asked = deque(asked)
        self._data = b""
        self._interim: list[int] = []
        self._current: Response | None = None
        self._left = 0
        """Bytes of the body or chunk still to come; -1: up to the end of the connection."""
        self._chunked = False

    @property
    def current(self) -> Response | None:
        """The response whose head has come and whose end has not."""
        return self._current

    @property
    def left(self) -> int:
        """Bytes of the body that may be read at once without reading past the response; 0: read by lines."""
        if self._current is None or self._chunked:
            return 0
        return self._left if self._left > 0 else 1 << 16

    @property
    def surplus(self) -> bytes:
        """Bytes that are no whole head or chunk yet."""
        return self._data

    def feed(self, data: bytes) -> list[Response]:
        """The responses that have ended with this data."""
        self._data += data
        ended = []
        while (done := self._head() if self._current is None else self._body()) is not None:
            if done:
                assert self._current is not None
                self._current.whole, current, self._current = True, self._current, None
                ended.append(current)
        return ended

    def end(self) -> None:
        """Nothing more comes: a body without a length is whole, any other is cut."""
        if self._current is not None and self._left < 0:
            self._current.whole = True
        if self._current is not None and self._chunked:  # what there is of the chunk that was cut
            size, _, rest = self._data.partition(b"\r\n")
            self._current.body += rest[: int(size.partition(b";")[0] or b"0", 16)]
        self._current = None

    def _head(self) -> bool | None:
        """Read a head: whether it ends its response; None while it is not whole."""
        head, end, rest = self._data.partition(b"\r\n\r\n")
        if not end:
            return None
        self._data = rest
        first, *lines = head.decode("latin-1").split("\r\n")
        match = _STATUS.fullmatch(first)
        assert match, f"no status line: {first[:80]!r}"
        status = int(match[1])
        if status < 200:
            self._interim.append(status)
            return False
        pairs = [line.partition(":") for line in lines]
        assert all(colon and name and name == name.strip() for name, colon, _ in pairs), lines
        fields = {name.lower(): value.strip() for name, _, value in pairs}
        self._current = Response(status, fields, lines=lines, interim=self._interim)
        self.responses.append(self._current)
        self._interim = []
        return self._framing(status, fields)

    def _framing(self, status: int, fields: dict[str, str]) -> bool:
        """RFC 9112 §6.3; whether there is no body."""
        asked = self.asked.popleft() if self.asked else "GET"
        self._chunked = False
        if asked == "HEAD" or status in (204, 304):
            return True
        if "transfer-encoding" in fields:
            assert fields["transfer-encoding"].lower() == "chunked", fields
            assert "content-length" not in fields, fields
            self._chunked, self._left = True, 0
            return False
        self._left = int(fields.get("content-length", -1))
        return self._left == 0

    def _body(self) -> bool | None:
        """Read on: whether the body has ended; None while more must come."""
        assert self._current is not None
        if self._chunked and not self._left:
            return self._chunk_size()
        if not self._data:
            return None
        stop = len(self._data) if self._left < 0 else min(self._left, len(self._data))
        piece, self._data = self._data[:stop], self._data[stop:]
        if self._left > 0:
            self._left -= stop
        self._current.body += piece
        return not self._chunked and self._left == 0

    def _chunk_size(self) -> bool | None:
        line, end, rest = self._data.partition(b"\r\n")
        if not end:
            return None
        size = int(line.partition(b";")[0], 16)
        if size:
            if len(rest) < size + 2:
                return None
            assert rest[size : size + 2] == b"\r\n", "a chunk does not end where it said"
            assert self._current is not None
            self._current.body += rest[:size]
            self._data = rest[size + 2 :]
            return False
        _, end, rest = (b"\r\n" + rest).partition(b"\r\n\r\n")
        if not end:
            return None
        self._data = rest
        return True


def read_responses(data: bytes, *asked: str, ended: bool = True) -> list[Response]:
    """The responses in these bytes, after which (unless not `ended`) the connection ended."""
    parser = ResponseParser(*asked)
    parser.feed(data)
    if ended:
        parser.end()
    return parser.responses


async def next_response(reader: asyncio.StreamReader, method: str = "GET") -> Response:
    """The next response of a stream, read to its end and no further."""
    parser = ResponseParser(method)
    while True:
        # By lines outside of bodies: a byte too many would be missed by the next call.
        left = parser.left
        data = await (reader.read(min(left, 1 << 20)) if left else reader.readline())
        if not data:
            parser.end()
            return parser.responses[-1] if parser.responses else Response()
        if done := parser.feed(data):
            return done[0]


def receive_response(sock: socket.socket, method: str = "GET") -> Response:
    """The next response of a socket on which nothing follows it; status 0 if the connection ends before a head."""
    parser = ResponseParser(method)
    with contextlib.suppress(ConnectionResetError):
        while data := sock.recv(1 << 16):
            if done := parser.feed(data):
                return done[0]
    parser.end()
    return parser.responses[-1] if parser.responses else Response()
