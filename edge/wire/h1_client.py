"""HTTP/1.1 to upstreams, strictly: what is truncated or mis-framed never passes for whole (RFC 9112 §6, §8).

Two Content-Lengths, Content-Length beside Transfer-Encoding, a coding that is not chunked, a body that ends early,
bytes after the end: each ends the connection, and all but the last the exchange. llhttp parses; the framing rules stand
in `_framing`.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from typing import Any, Protocol, cast

import httptools

from kernel.errors import UpstreamFailed
from kernel.http.message import Fields, members, values

MOST_HEAD = 64 * 1024
MOST_FIELDS = 200
_VALUE = re.compile(rb"[\t\x20-\x7e\x80-\xff]*")
_NO_BODY = frozenset((204, 304))


class Answer(Protocol):
    """What a connection tells of the response it reads."""

    def on_interim(self, status: int, fields: Fields) -> None:
        """A 1xx came before the response."""

    def on_head(self, status: int, fields: Fields, length: int | None) -> None:
        """The head is whole; `length` of the body when it is told."""

    def on_body(self, data: bytes) -> None:
        """A part of the body."""

    def on_end(self) -> None:
        """The body is whole."""

    def on_broken(self, error: UpstreamFailed) -> None:
        """It will not become whole."""


class UpstreamConnection(asyncio.Protocol):
    """One connection to an upstream; one exchange at a time.

    `released` is told when it is idle again, `lost` when it is closed.
    """

    def __init__(
        self, released: Callable[[UpstreamConnection], object], lost: Callable[[UpstreamConnection], object]
    ) -> None:
        self._released = released
        self._lost = lost
        self.transport: asyncio.Transport = cast("asyncio.Transport", None)  # until it is connected
        self.served = 0
        self.idle_since = 0.0
        self._answer: Answer | None = None
        self._parser: Any = None
        self._fields: Fields = []
        self._bodyless = False
        self._by_close = False
        self._begun = False
        self._closed = False
        self._head_bytes = 0
        self._head_done = False
        self._error: UpstreamFailed | None = None
        self._idle = self._surplus = self._held = False

    # -- the asking side ---------------------------------------------------------------------------------------

    @property
    def usable(self) -> bool:
        """Whether a further request may be sent."""
        return not self._closed and self._answer is None and not self.transport.is_closing()

    def ask(self, request: list[bytes], answer: Answer, *, head_only: bool) -> None:
        """Send a request; the answer hears of everything that follows."""
        self._answer = answer
        self._bodyless = head_only
        self._begun = self._by_close = self._head_done = False
        self._head_bytes = 0
        self._fields = []
        self._parser = httptools.HttpResponseParser(self)
        self.transport.writelines(request)

    def hold(self, *, on: bool) -> None:
        """Read no further for now (on), or read on (off); a connection that is released always reads."""
        if on != self._held and not self._closed:
            self._held = on
            if on:
                self.transport.pause_reading()
            else:
                self.transport.resume_reading()

    def cut(self) -> None:
        """Give up whatever is under way."""
        self._answer = None
        self._closed = True
        self.transport.abort()

    def discard(self) -> None:
        """Nobody will ask over it: close it, connected or not yet."""
        self._closed = True
        if self.transport is not None:
            self.transport.abort()

    # -- the transport's side ----------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Connected."""
        self.transport = cast("asyncio.Transport", transport)
        if self._closed:
            self.transport.abort()

    def data_received(self, data: bytes) -> None:
        """Parse, tell the answer."""
        if self._answer is None:
            self.cut()  # bytes nobody asked for: whoever asks next must not get them
            return
        self._begun = True
        self._head_bytes += len(data)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self._break(UpstreamFailed("upgrade"))
        except httptools.HttpParserError as error:
            self._break(self._error or UpstreamFailed("malformed", detail=str(error)))
        else:
            if self._idle:
                self._idle = False
                if self._surplus:
                    self.cut()
                else:
                    self.hold(on=False)
                    self._released(self)
            elif self._head_bytes > MOST_HEAD and self._answer is not None:
                self._break(UpstreamFailed("trailer-too-large" if self._head_done else "head-too-large"))

    def connection_lost(self, exc: Exception | None) -> None:
        """The upstream closed: the end of a body without length, or a break."""
        self._closed = True
        answer, self._answer = self._answer, None
        if answer is not None:
            if self._by_close and exc is None:
                answer.on_end()
            else:
                retry = not self._begun
                answer.on_broken(UpstreamFailed("closed" if retry else "truncated", retry=retry))
        self._lost(self)

    # -- llhttp's side -----------------------------------------------------------------------------------------

    def on_message_begin(self) -> None:
        """A message starts; after the one that was asked for it is surplus (response queue poisoning)."""
        self._surplus = self._answer is None

    def on_header(self, name: bytes, value: bytes) -> None:
        """One field line."""
        if len(self._fields) >= MOST_FIELDS or not _VALUE.fullmatch(value):
            self._fail("head-too-large" if len(self._fields) >= MOST_FIELDS else "field-value")
        self._fields.append((name.lower(), value.rstrip()))  # llhttp leaves the whitespace after a value

    def on_headers_complete(self) -> None:
        """The head is whole."""
        status = self._parser.get_status_code()
        fields, self._fields = self._fields, []
        answer = self._answer
        if answer is None:
            return
        if status == 101 or not 100 <= status <= 999:
            self._fail("status")
        if self._parser.get_http_version() not in ("1.1", "1.0"):
            self._fail("version")
        if sum(len(name) + len(value) for name, value in fields) > MOST_HEAD:
            self._fail("head-too-large")
        if status < 200:
            answer.on_interim(status, fields)
            return
        length = self._framing(status, fields)
        self._head_done = True
        answer.on_head(status, fields, length)
        if self._bodyless and status not in _NO_BODY and length != 0:
            # llhttp cannot be told that no body follows, so this connection ends here.
            self._finish(reusable=False)

    def _framing(self, status: int, fields: Fields) -> int | None:
        """The body's length, None when it is chunked or ends with the connection; raises when it is not clear."""
        lengths = members(values(fields, b"content-length"))
        codings = values(fields, b"transfer-encoding")
        if codings and (lengths or len(codings) > 1 or codings[0].strip().lower() != b"chunked"):
            self._fail("framing")
        if codings and self._parser.get_http_version() == "1.0":
            self._fail("framing")  # RFC 9112 §6.1
        if lengths and (len(set(lengths)) > 1 or not lengths[0].isdigit() or len(lengths[0]) > 15):
            self._fail("framing")
        if status in _NO_BODY:
            return 0
        if lengths:
            return int(lengths[0])
        self._by_close = not codings and not self._bodyless
        return None

    def on_body(self, data: bytes) -> None:
        """A part of the body, without its chunks' framing."""
        self._head_bytes = 0  # what comes between pieces of the body is counted from here: chunk heads, trailers
        if self._answer is not None:
            self._answer.on_body(data)

    def on_message_complete(self) -> None:
        """The end, by Content-Length or last chunk; a 1xx ends here too and is passed over."""
        if self._head_done and not self._by_close:
            self._finish(reusable=self._parser.should_keep_alive())

    def _finish(self, *, reusable: bool) -> None:
        answer, self._answer = self._answer, None
        if answer is None:
            return
        self.served += 1
        if not reusable:
            self._closed = True
            self.transport.close()
        self._idle = reusable
        answer.on_end()

    def _fail(self, reason: str) -> None:
        self._error = UpstreamFailed(reason)
        raise ValueError(reason)

    def _break(self, error: UpstreamFailed) -> None:
        answer, self._answer = self._answer, None
        self._closed = True
        self.transport.abort()
        if answer is not None:
            answer.on_broken(error)
