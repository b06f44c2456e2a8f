"""A strict HTTP/1.1 client on one connection: it keeps to the letter, so that what is not to the letter is found."""

from __future__ import annotations

import asyncio
import re
import socket
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

_STATUS = re.compile(rb"HTTP/1\.1 (\d{3}) [\t -~]*")
_FIELD = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([\t -~\x80-\xff]*)")
_MOST_HEAD = 1 << 16


class Broken(Exception):
    """The other side broke off, where that may happen by accident."""


class Misframed(Exception):
    """What came is no HTTP response: never an accident."""


@dataclass
class Head:
    """Status and fields of a response; names in lower case, in order."""

    status: int
    fields: list[tuple[str, str]] = field(default_factory=list)

    def get(self, name: str) -> str | None:
        """The one value of a field; None when there is none. Misframed when there are several."""
        found = [value for key, value in self.fields if key == name]
        if len(found) > 1:
            raise Misframed(f"{name} {len(found)} times: {found}")
        return found[0] if found else None


class Wire:
    """One connection to an edge."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._buffer = b""
        self.usable = True

    @classmethod
    async def to(cls, host: str, port: int, *, narrow: bool = False) -> Wire:
        """Connect; `narrow`: with a small receive buffer, for slow readers."""
        sock = socket.socket()
        sock.setblocking(False)
        if narrow:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)
        try:
            await asyncio.get_running_loop().sock_connect(sock, (host, port))
            return cls(*await asyncio.open_connection(sock=sock, limit=1 << 16))
        except OSError as error:
            sock.close()
            raise Broken(f"connect: {error}") from error

    def send(self, data: bytes) -> None:
        """Write a request, or several."""
        self._writer.write(data)

    def close(self) -> None:
        """Leave at once."""
        self.usable = False
        self._writer.transport.abort()

    @property
    def surplus(self) -> bytes:
        """Bytes after the last response."""
        return self._buffer

    async def _more(self) -> None:
        try:
            data = await self._reader.read(1 << 16)
        except OSError as error:
            raise Broken(str(error)) from error
        if not data:
            raise Broken("end of connection")
        self._buffer += data

    async def _line(self) -> bytes:
        while (at := self._buffer.find(b"\r\n")) < 0:
            if len(self._buffer) > _MOST_HEAD:
                raise Misframed(f"no end of line: {self._buffer[:80]!r}")
            await self._more()
        line, self._buffer = self._buffer[:at], self._buffer[at + 2 :]
        return line

    async def head(self) -> Head:
        """The head of the next final response."""
        while True:
            line = await self._line()
            match = _STATUS.fullmatch(line)
            if match is None:
                raise Misframed(f"no status line: {line[:80]!r}")
            made = Head(int(match[1]))
            while line := await self._line():
                found = _FIELD.fullmatch(line)
                if found is None:
                    raise Misframed(f"no field line: {line[:80]!r}")
                made.fields.append((found[1].decode().lower(), found[2].decode("latin-1").rstrip()))
            if made.status >= 200:
                return made

    async def body(self, head: Head, *, head_only: bool) -> AsyncIterator[bytes]:
        """The pieces of its body (RFC 9112 §6.3); Broken when it is cut. Reads no further than is taken."""
        coding, length = head.get("transfer-encoding"), head.get("content-length")
        if coding is not None and length is not None:
            raise Misframed("Content-Length beside Transfer-Encoding")
        if length is not None and not re.fullmatch(r"\d+", length):
            raise Misframed(f"Content-Length {length!r}")
        if head_only or head.status in (204, 304):
            pass
        elif coding is not None:
            async for piece in self._chunks(coding):
                yield piece
        elif length is not None:
            async for piece in self._exactly(int(length)):
                yield piece
        else:
            async for piece in self._to_the_end():
                yield piece
        if (head.get("connection") or "").lower() == "close":
            self.usable = False

    async def _chunks(self, coding: str) -> AsyncIterator[bytes]:
        if coding.lower() != "chunked":
            raise Misframed(f"Transfer-Encoding {coding!r}")
        while True:
            size = await self._line()
            if not re.fullmatch(rb"[0-9a-fA-F]{1,8}", size):
                raise Misframed(f"chunk size {size[:40]!r}")
            if int(size, 16) == 0:
                break
            async for piece in self._exactly(int(size, 16)):
                yield piece
            if await self._line():
                raise Misframed("a chunk does not end where it said")
        if await self._line():
            raise Misframed("a trailer that nobody announced")

    async def _exactly(self, length: int) -> AsyncIterator[bytes]:
        while length:
            if not self._buffer:
                await self._more()
            piece, self._buffer = self._buffer[:length], self._buffer[length:]
            length -= len(piece)
            yield piece

    async def _to_the_end(self) -> AsyncIterator[bytes]:
        self.usable = False
        while True:
            if self._buffer:
                piece, self._buffer = self._buffer, b""
                yield piece
            try:
                data = await self._reader.read(1 << 16)
            except OSError as error:
                raise Broken(str(error)) from error
            if not data:
                return
            self._buffer = data
