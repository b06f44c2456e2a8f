"""HTTP/1.1 from viewers: bytes to Requests, one at a time and in order, whatever is pipelined (RFC 9112).

The connection calls `handle(request, connection)` for each request; the handler writes a response to `transport` and
calls `done()`, at once or later. Until then further requests wait in line, and the socket is read no further.
Parsing is llhttp's; what it lets pass and RFC 9112 does not is refused in `_check`.
"""

from __future__ import annotations

import asyncio
import re
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol, cast

import httptools

from edge.locate import Viewer
from edge.wire.request import Malformed, Request

_HOST = re.compile(rb"(?:[A-Za-z0-9._~!$&'()*+,;=%-]+|\[[0-9A-Fa-f:.]+\])(?::\d{0,5})?")
_ABSOLUTE = re.compile(rb"https?://([^/?#]*)([^#]*)", re.IGNORECASE)
_FIELD_VALUE = re.compile(rb"[\t\x20-\x7e\x80-\xff]*")
NOBODY = Viewer("")
WRITE_HIGH = 512 * 1024
"""Bytes in the socket's queue above which no more is written and no further request is begun."""
MOST_IN_LINE = 64
"""Pipelined requests parsed ahead before the socket is read no further."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of a request, in bytes and fields. `body` 0: no request may have a body."""

    target: int = 16 * 1024
    head: int = 48 * 1024
    fields: int = 100
    body: int = 0


class Handler(Protocol):
    """What a listener does with its connections and their requests."""

    def opened(self, connection: Connection) -> None:
        """A viewer connected."""

    def closed(self, connection: Connection) -> None:
        """He is gone."""

    def handle(self, request: Request, connection: Connection) -> None:
        """Answer; call `connection.done()` when the response is written."""

    def malformed(self, what: Malformed, connection: Connection) -> None:
        """Say so; the connection closes by itself afterwards."""


class Connection(asyncio.Protocol):
    """One viewer's connection. `ticks` is counted up by the listener's sweep, once a second."""

    __slots__ = (
        "_body",
        "_closing",
        "_current",
        "_fields",
        "_handler",
        "_head_bytes",
        "_held_back",
        "_in_line",
        "_limits",
        "_method",
        "_parser",
        "_refused",
        "_serving",
        "_target",
        "address",
        "last_queued",
        "on_lost",
        "on_resume",
        "paused",
        "served",
        "ticks",
        "transport",
        "viewer",
    )

    def __init__(self, handler: Handler, limits: Limits) -> None:
        self._handler = handler
        self._limits = limits
        self._parser: Any = httptools.HttpRequestParser(self)
        self._in_line: deque[Request | Malformed] = deque()
        self._current: Request | None = None
        self._refused: Malformed | None = None
        self._serving = self._closing = self._held_back = self.paused = False
        self._head_bytes = 0
        self._target = b""
        self._fields: dict[bytes, bytes] = {}
        self._body = bytearray()
        self.transport: asyncio.Transport = cast("asyncio.Transport", None)
        self.address = ""
        self.viewer: Viewer = NOBODY
        self.ticks = self.served = self.last_queued = 0
        self.on_resume: Callable[[], object] | None = None
        self.on_lost: Callable[[], object] | None = None

    # -- the transport's side ----------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A viewer connected."""
        self.transport = cast("asyncio.Transport", transport)
        self.transport.set_write_buffer_limits(high=WRITE_HIGH)
        peer = transport.get_extra_info("peername")
        self.address = peer[0] if peer else ""
        self._handler.opened(self)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 (asyncio calls it so)
        """The viewer is gone: whoever works for him is told."""
        self._closing = True
        self._in_line.clear()
        lost, self.on_lost, self.on_resume = self.on_lost, None, None
        if lost is not None:
            lost()
        self._handler.closed(self)

    def data_received(self, data: bytes) -> None:
        """Parse; complete requests are handled from within."""
        if self._refused is not None or self._closing:
            return
        if self._head_bytes == 0:
            self.ticks = 0
        self._head_bytes += len(data)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            pass  # an Upgrade we do not take up: the request was answered as if it had not been asked (RFC 9110 §7.8)
        except httptools.HttpParserError as error:
            self._refuse(self._malformed_by(error))
        else:
            if self._head_bytes > self._limits.head + self._limits.target and self._refused is None:
                self._refuse(Malformed(431, "head-too-large"))

    def _malformed_by(self, error: Exception) -> Malformed:
        """What a callback refused, else what llhttp did not like."""
        return self._refused or Malformed(400, "malformed", type(error).__name__)

    def eof_received(self) -> bool:
        """The viewer will send no more; what he asked for is still answered."""
        self._closing_after_line()
        return True

    def _closing_after_line(self) -> None:
        if self._current is None and not self._in_line:
            self.transport.close()
        else:
            self._refused = self._refused or Malformed(400, "end")
            last = self._in_line[-1] if self._in_line else self._current
            if isinstance(last, Request):
                last.keep_alive = False

    def pause_writing(self) -> None:
        """The viewer is slower than we are."""
        self.paused = True

    def resume_writing(self) -> None:
        """He caught up."""
        self.paused = False
        if self.on_resume is not None:
            self.on_resume()
        elif self._in_line and self._current is None:
            self._serve_line()

    # -- llhttp's side -----------------------------------------------------------------------------------------

    def on_message_begin(self) -> None:
        """A new request starts."""
        self._target = b""
        self._fields = {}

    def on_url(self, part: bytes) -> None:
        """The target, or a part of it when it came in pieces."""
        self._target = self._target + part if self._target else part

    def on_header(self, name: bytes, value: bytes) -> None:
        """One field line."""
        name = name.lower()
        fields = self._fields
        if name not in fields:
            fields[name] = value
        else:
            self._repeated(name, value)

    def _repeated(self, name: bytes, value: bytes) -> None:
        if name in (b"host", b"content-length", b"transfer-encoding", b"authorization"):
            self._reject(400, "repeated-field", name.decode("latin-1"))
        joint = b"; " if name == b"cookie" else b", "
        self._fields[name] = self._fields[name] + joint + value

    def on_headers_complete(self) -> None:
        """The head is whole: check what llhttp does not."""
        limits, fields = self._limits, self._fields
        self._method = self._parser.get_method()
        if len(self._target) > limits.target:
            self._reject(414, "target-too-long")
        if len(fields) > limits.fields:
            self._reject(431, "too-many-fields")
        host = fields.get(b"host")
        version = self._parser.get_http_version()
        if version not in ("1.1", "1.0"):
            self._reject(505, "version")
        if host is None:
            if version == "1.1":
                self._reject(400, "host-missing")
        elif not _HOST.fullmatch(host) and (host or version == "1.1"):
            self._reject(400, "host")
        if b"content-length" in fields or b"transfer-encoding" in fields:
            self._check_body()
        if self._target[:1] != b"/":
            self._reduce_target()

    def _check_body(self) -> None:
        fields = self._fields
        length = fields.get(b"content-length", b"0")
        coding = fields.get(b"transfer-encoding")
        if coding is not None and (coding.lower() != b"chunked" or self._parser.get_http_version() == "1.0"):
            self._reject(400, "transfer-encoding")
        if not self._limits.body and (coding is not None or length.strip(b"0")):
            self._reject(400, "body")
        if not length.isdigit() or len(length) > 15:
            self._reject(400, "content-length")
        if int(length) > self._limits.body:
            self._reject(413, "body-too-large")
        if fields.get(b"expect", b"").lower() == b"100-continue" and (coding or int(length)):
            self.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def _reduce_target(self) -> None:
        """Absolute-form to origin-form; its authority wins over Host (RFC 9112 §3.2.2)."""
        match = _ABSOLUTE.fullmatch(self._target)
        if match:
            if not _HOST.fullmatch(match[1]):
                self._reject(400, "authority")
            self._fields[b"host"] = match[1]
            rest = match[2] or b"/"
            self._target = rest if rest.startswith(b"/") else b"/" + rest
        elif not (self._target == b"*" and self._method == b"OPTIONS"):
            self._reject(400, "target")

    def on_body(self, data: bytes) -> None:
        """A part of the request's body."""
        if len(self._body) + len(data) > self._limits.body:
            self._reject(413, "body-too-large")
        self._body += data

    def on_message_complete(self) -> None:
        """A whole request: handle it now or let it wait in line."""
        if self._refused is not None or self._closing:
            return
        self._head_bytes = 0
        keep_alive = self._parser.should_keep_alive()
        minor = 1 if self._parser.get_http_version() == "1.1" else 0
        request = Request(self._method, self._target, self._fields, minor, keep_alive)
        if self._body:
            request.body, self._body = bytes(self._body), bytearray()
        if self._current is not None or self._in_line or self.paused:
            self._in_line.append(request)
            if len(self._in_line) >= MOST_IN_LINE and not self._held_back:
                self._held_back = True
                self.transport.pause_reading()
            return
        self._current = request
        self.ticks = 0
        self._handler.handle(request, self)

    def _reject(self, status: int, reason: str, detail: str = "") -> None:
        self._refused = Malformed(status, reason, detail)
        raise ValueError(reason)

    def _refuse(self, what: Malformed) -> None:
        """Answer what came before, then say what is wrong, then close."""
        self._refused = what
        self.transport.pause_reading()
        self._in_line.append(what)
        if self._current is None:
            self._serve_line()

    # -- the handler's side ------------------------------------------------------------------------------------

    @property
    def busy(self) -> bool:
        """Whether a request is being answered or waits in line."""
        return self._current is not None or bool(self._in_line)

    @property
    def in_head(self) -> bool:
        """Whether a request has begun to arrive and is not whole."""
        return self._head_bytes > 0

    def done(self) -> None:
        """The response to the current request is written."""
        request, self._current = self._current, None
        self.on_resume = self.on_lost = None
        self.ticks = 0
        self.served += 1
        if self._closing or (request is not None and not request.keep_alive):
            self._closing = True
            self._in_line.clear()
            self.transport.close()
        elif self._in_line and not self._serving:
            self._serve_line()

    def abort(self) -> None:
        """The response broke off: the only honest thing left is to cut the connection."""
        self._closing = True
        self.transport.abort()

    def retire(self) -> None:
        """Close as soon as what is being answered is done."""
        if self.busy:
            if self._current is not None:
                self._current.keep_alive = False
            self._closing = True
        else:
            self._closing = True
            self.transport.close()

    def _serve_line(self) -> None:
        self._serving = True
        try:
            while self._in_line and self._current is None and not self.paused and not self._closing:
                following = self._in_line.popleft()
                if isinstance(following, Malformed):
                    self._handler.malformed(following, self)
                    self._closing = True
                    self.transport.close()
                    return
                self._current = following
                self._handler.handle(following, self)
        finally:
            self._serving = False
        if self._held_back and not self._in_line and self._refused is None and not self._closing:
            self._held_back = False
            self.transport.resume_reading()
