"""HTTP/1.1 as a client reads it (RFC 9112), without I/O: the head of a response is parsed, its body counted.

A load generator reads hundreds of megabytes a second only to throw them away. So the body is counted where it lies in
the receive buffer; it is copied only for the few documents that a player reads.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple
from urllib.parse import urlsplit

from kernel.media.playlist import ByteRange

MAX_HEAD = 64 << 10
MAX_KEPT_BODY = 32 << 20
"""Bytes of a body that is kept."""
MAX_LINE = 4_096
"""Characters of a chunk's size line."""
READ_FIELDS = frozenset(
    (
        "age",
        "cache-status",
        "connection",
        "content-length",
        "content-range",
        "content-type",
        "location",
        "retry-after",
        "set-cookie",
        "transfer-encoding",
        "via",
        "x-cache",
    )
)
"""Fields that players or reports read; the others are dropped at once."""


class BrokenResponse(Exception):
    """What came is no HTTP/1.1 response; the connection cannot be used further."""


class Endpoint(NamedTuple):
    """Where to connect."""

    host: str
    port: int
    tls: bool


class Target(NamedTuple):
    """An address in the parts that a request needs."""

    endpoint: Endpoint
    host_field: str
    path: str


def target_of(url: str) -> Target:
    """Of an http or https address; ValueError for others."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError(f"{url[:200]!r} is no http or https address")
    tls = parts.scheme == "https"
    endpoint = Endpoint(parts.hostname, parts.port or (443 if tls else 80), tls)
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Target(endpoint, parts.netloc.rpartition("@")[2], path)


def request_head(
    target: Target,
    fields: Sequence[tuple[str, str]],
    *,
    byte_range: ByteRange | None = None,
    body: bytes | None = None,
) -> bytes:
    """The request line and fields, with the body after them. ValueError when a field holds a line break."""
    lines = [f"{'GET' if body is None else 'POST'} {target.path} HTTP/1.1", f"Host: {target.host_field}"]
    lines += [f"{name}: {value}" for name, value in fields]
    if byte_range is not None:
        lines.append(f"Range: bytes={byte_range.offset}-{byte_range.offset + byte_range.length - 1}")
    if body is not None:
        lines.append(f"Content-Length: {len(body)}")
    if any("\n" in line or "\r" in line for line in lines):
        raise ValueError("a request field holds a line break")
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1", "replace") + (body or b"")


@dataclass(slots=True)
class ResponseReader:
    """Reads one response after the other. Feed it what was received; `is_done` says when a response is whole."""

    keeps_body: bool = False
    on_body: Callable[[memoryview], None] | None = None
    """Called with each piece of the body."""
    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    has_head: bool = False
    is_done: bool = False
    size: int = 0
    """Bytes of the body so far."""
    length: int | None = None
    """Bytes of the whole body; None while unknown."""
    body: bytearray = field(default_factory=bytearray)
    can_reuse: bool = True
    """The connection may carry another request."""
    _head: bytearray = field(default_factory=bytearray)
    _is_chunked: bool = False
    _chunk_left: int = 0
    _line: bytearray = field(default_factory=bytearray)
    _in_trailer: bool = False

    def begin(self, *, keeps_body: bool, on_body: Callable[[memoryview], None] | None = None) -> None:
        """Expect the next response."""
        self.keeps_body, self.on_body = keeps_body, on_body
        self.status, self.headers, self.has_head, self.is_done = 0, {}, False, False
        self.size, self.length = 0, None
        if self.body:
            self.body = bytearray()
        self._is_chunked, self._chunk_left, self._in_trailer = False, 0, False

    def feed(self, data: memoryview) -> int:
        """Read what was received; the number of bytes that belong to the body. Raises BrokenResponse."""
        if self.is_done:
            raise BrokenResponse("bytes after the end of the response")
        rest = data
        if not self.has_head:
            found = self._feed_head(data)
            if found is None:
                return 0
            rest = found
        before = self.size
        if self._is_chunked:
            self._feed_chunks(rest)
        elif len(rest):
            self._count(rest)
            if self.length is not None and self.size > self.length:
                raise BrokenResponse("the body is longer than Content-Length")
        if not self._is_chunked and self.length is not None and self.size == self.length:
            self.is_done = True
        return self.size - before

    def feed_end(self) -> bool:
        """The connection was closed; whether that completes the response (RFC 9112 §6.3)."""
        self.can_reuse = False
        if self.has_head and not self.is_done and self.length is None and not self._is_chunked:
            self.is_done = True
        return self.is_done

    def _count(self, data: memoryview) -> None:
        self.size += len(data)
        if self.on_body is not None:
            self.on_body(data)
        if self.keeps_body:
            if self.size > MAX_KEPT_BODY:
                raise BrokenResponse(f"a document of more than {MAX_KEPT_BODY >> 20} MiB")
            self.body += data

    def _feed_head(self, data: memoryview) -> memoryview | None:
        """What follows the head; None while it is incomplete. Interim responses are skipped (RFC 9110 §15.2)."""
        start = len(self._head)
        self._head += data
        while True:
            end = self._head.find(b"\r\n\r\n", max(0, start - 3))
            if end < 0:
                if len(self._head) > MAX_HEAD:
                    raise BrokenResponse("the head of the response is too long")
                return None
            head, rest = bytes(self._head[:end]), bytes(self._head[end + 4 :])
            self._parse_head(head)
            if self.status >= 200:
                self._head.clear()
                self.has_head = True
                self._begin_body()
                return memoryview(rest)
            self._head, start = bytearray(rest), 0

    def _parse_head(self, head: bytes) -> None:
        lines = head.decode("latin-1").split("\r\n")
        version, _, after = lines[0].partition(" ")
        code = after[:3]
        if not version.startswith("HTTP/1.") or not (code.isascii() and code.isdecimal() and len(code) == 3):
            raise BrokenResponse(f"not a status line: {lines[0][:60]!r}")
        self.status, self.headers = int(code), {}
        for line in lines[1:]:
            name, colon, value = line.partition(":")
            lower = name.lower()
            if colon and lower in READ_FIELDS:
                value = value.strip()
                known = self.headers.get(lower)
                self.headers[lower] = f"{known}, {value}" if known is not None and lower != "set-cookie" else value
        connection = self.headers.get("connection", "").lower()
        self.can_reuse = "close" not in connection and (version != "HTTP/1.0" or "keep-alive" in connection)

    def _begin_body(self) -> None:
        if self.status in (204, 304):
            self.length = 0
        elif self.headers.get("transfer-encoding", "").lower().endswith("chunked"):
            self._is_chunked = True
        elif "content-length" in self.headers:
            text = self.headers["content-length"].partition(",")[0]
            if not (text.isascii() and text.isdecimal() and len(text) < 16):
                raise BrokenResponse(f"Content-Length is no number: {text[:40]!r}")
            self.length = int(text)
        else:
            self.can_reuse = False

    def _feed_chunks(self, data: memoryview) -> None:
        """Chunked transfer coding (RFC 9112 §7.1)."""
        at = 0
        while at < len(data) and not self.is_done:
            if self._chunk_left > 2:
                piece = data[at : at + self._chunk_left - 2]
                self._count(piece)
                self._chunk_left -= len(piece)
                at += len(piece)
            elif self._chunk_left:
                # The line break after a chunk's data.
                skipped = min(self._chunk_left, len(data) - at)
                self._chunk_left -= skipped
                at += skipped
            else:
                at = self._feed_line(data, at)

    def _feed_line(self, data: memoryview, at: int) -> int:
        piece = bytes(data[at : at + MAX_LINE])
        end = piece.find(b"\n")
        self._line += piece if end < 0 else piece[:end]
        if len(self._line) > MAX_LINE:
            raise BrokenResponse("a chunk's line is too long")
        if end < 0:
            return at + len(piece)
        line = bytes(self._line).strip()
        self._line.clear()
        if self._in_trailer:
            self.is_done = not line
        else:
            self._begin_chunk(line)
        return at + end + 1

    def _begin_chunk(self, line: bytes) -> None:
        digits = line.partition(b";")[0].strip()
        try:
            size = int(digits, 16) if digits.isalnum() and len(digits) < 16 else -1
        except ValueError:
            size = -1
        if size < 0:
            raise BrokenResponse(f"not a chunk's size: {line[:40]!r}")
        if size:
            self._chunk_left = size + 2
        else:
            self._in_trailer = True
