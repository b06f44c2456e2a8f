"""HTTP/1.1 to upstreams, strictly: a truncated or mis-framed response never passes for complete (RFC 9112 §6, §8).

Anything ambiguous ends the exchange and the connection. Bytes after the end of a response end the connection too, so
that no other request gets them. llhttp parses; `response_framing` decides how a body ends and whether the connection is
reusable. Over 300 lines because both directions of a connection end together.
"""

from __future__ import annotations

import asyncio
import re
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol, cast

import httptools

from cache.body import Chunk
from edge.wire.upload import Upload
from kernel.errors import UpstreamFailed
from kernel.fetch_reasons import UpstreamReason
from kernel.http.message import Fields, members, values
from system.read_buffers import SLACK_BYTES, ReadBuffers

NO_BODY = frozenset((204, 304))
_LENGTH = re.compile(rb"[0-9]{1,15}")


@dataclass(frozen=True, slots=True)
class Framing:
    """`length` of the body if known. `ends_at_close`: it ends with the connection. `is_reusable`: further requests may
    follow.
    """

    length: int | None
    ends_at_close: bool
    is_reusable: bool


def response_framing(status: int, fields: Fields, minor: int, *, bodyless: bool) -> Framing:
    """How the body of this head ends; `bodyless`: it answers a HEAD. Raises ValueError("framing") if ambiguous (§6.3).

    Ambiguous are several Content-Lengths, one besides Transfer-Encoding, a coding other than `chunked` alone, and any
    coding in HTTP/1.0 or where none is allowed: two parsers must never disagree.
    """
    lengths = members(values(fields, b"content-length"))
    has_length = bool(lengths) or any(name == b"content-length" for name, _ in fields)
    codings = values(fields, b"transfer-encoding")
    if codings and (has_length or minor == 0 or len(codings) > 1 or codings[0].strip(b" \t").lower() != b"chunked"):
        raise ValueError("framing")
    if has_length and (len(lengths) != 1 or not _LENGTH.fullmatch(lengths[0])):
        raise ValueError("framing")
    if status < 200 and (has_length or codings):
        raise ValueError("framing")  # neither is allowed there (RFC 9110 §8.6, RFC 9112 §6.1)
    kept = _kept(fields, minor)
    if status in NO_BODY:
        # The length in a 304 is that of the body not sent. After a non-zero length in a 204, or a coding in either, a
        # body may still follow.
        clear = not codings and (status == 304 or not lengths or int(lengths[0]) == 0)
        return Framing(0, ends_at_close=False, is_reusable=kept and clear)
    length = int(lengths[0]) if lengths else None
    by_close = length is None and not codings and not bodyless
    # llhttp cannot be told that no body follows the response to a HEAD, and a late one looks like the next response: so
    # the connection is not reused.
    return Framing(length, by_close, is_reusable=kept and not by_close and not (bodyless and length != 0))


def _kept(fields: Fields, minor: int) -> bool:
    """Whether the connection persists (RFC 9112 §9.3)."""
    options = {option.lower() for option in members(values(fields, b"connection"))}
    return b"close" not in options and (minor == 1 or b"keep-alive" in options)


MAX_HEAD_BYTES = 64 * 1024
MAX_FIELDS = 200
MAX_INTERIM_RESPONSES = 32
FRAMING_FREE = 16
"""Bytes of chunk framing per piece of a body that do not count towards MAX_HEAD_BYTES."""
MIN_BUFFERED_BYTES = 48 * 1024
"""Bytes still to come of a body from which on it is read into a buffer of its own; fewer are copied."""
HEAD_READ_BYTES = 16 * 1024
"""Bytes read at a time before a response has begun: what follows its head is copied once more."""
READ_BYTES = 256 * 1024
"""Bytes read at a time: they are still in the CPU's cache when they are sent on."""
_shared = memoryview(bytearray(READ_BYTES))
"""Read into and copied from within one call of the loop."""
_buffers = ReadBuffers()

_VALUE = re.compile(rb"[\t\x20-\x7e\x80-\xff]*")


class ResponseListener(Protocol):
    """Receives the response that a connection reads."""

    def on_interim(self, status: int, fields: Fields) -> None:
        """A 1xx arrived before the response."""

    def on_head(self, status: int, fields: Fields, length: int | None) -> None:
        """The head is complete; `length` of the body if known."""

    def on_body(self, data: Chunk) -> None:
        """A piece of the body."""

    def on_end(self) -> None:
        """The body is complete."""

    def on_broken(self, error: UpstreamFailed) -> None:
        """The response will not be complete."""


class UpstreamConnection(asyncio.BufferedProtocol):
    """One connection to an upstream, with one exchange at a time. `secure`: over TLS.

    `released` is called when it is idle again, `lost` when it is closed. The socket is read into buffers of ours: a
    large body of known length into the memory that its readers and the disk get it from, all else through one that
    every connection shares.
    """

    def __init__(
        self,
        released: Callable[[UpstreamConnection], object],
        lost: Callable[[UpstreamConnection], object],
        *,
        secure: bool = False,
    ) -> None:
        self._released = released
        self._lost = lost
        self.secure = secure
        self.transport: asyncio.Transport = cast("asyncio.Transport", None)  # until connected
        self.served = 0
        self.idle_since = self.made_at = 0.0
        self.ends_at_close = False
        self.on_request_taken: Callable[[], object] | None = None
        """Called when the upstream has taken all of a request that it did not take at once."""
        self._answer: ResponseListener | None = None
        self._upload: Upload | None = None
        self._handed = 0
        self._parser: Any = None
        self._fields: Fields = []
        self._bodyless = self._reusable = self._begun = self._closed = self._ended = False
        self._interims = 0
        self._counted = 0
        self._left = 0  # bytes still to come of a body of known length: they need no parser
        self._buffer: memoryview | None = None  # what the body is read into, from `_filled` on
        self._filled = 0
        self._head_done = False
        self._error: UpstreamFailed | None = None
        self._idle = self._surplus = self._held = False

    # -- sending ------------------------------------------------------------------------------------------------

    @property
    def is_usable(self) -> bool:
        """Whether another request may be sent."""
        return not self._closed and self._answer is None and not self.transport.is_closing()

    @property
    def unsent(self) -> int:
        """Bytes of the request that the upstream has not taken yet."""
        return 0 if self._closed else self.transport.get_write_buffer_size()

    def send_request(
        self, request: list[bytes], answer: ResponseListener, *, head_only: bool, upload: Upload | None = None
    ) -> None:
        """Send a request, with an upload that may still be arriving; `answer` receives the response."""
        self._answer = answer
        self.on_request_taken = None
        self._bodyless = head_only
        self._begun = self.ends_at_close = self._head_done = False
        self._counted = self._interims = self._left = 0
        self._buffer = None
        self._fields = []
        self._parser = httptools.HttpResponseParser(self)
        self._handed = sum(map(len, request))
        self.transport.writelines(request)
        self._upload = upload
        if upload is not None:
            upload.send_to(self)

    @property
    def is_sending(self) -> bool:
        """Whether more of the request will follow."""
        return self._upload is not None

    @property
    def bytes_taken(self) -> int:
        """Bytes of the request that the upstream has taken."""
        return self._handed - self.unsent

    def send(self, data: bytes) -> None:
        """Send another piece of the request."""
        if not self._closed:
            self._handed += len(data)
            self.transport.write(data)

    def finish_request(self) -> None:
        """The request is complete."""
        self._upload = None
        if not self.unsent:
            self.resume_writing()

    def abort_request(self) -> None:
        """The request will not be complete."""
        self._upload = None
        if self._answer is not None:
            self._break(UpstreamFailed(UpstreamReason.UPLOAD_BROKEN))

    def _end_upload(self) -> None:
        upload, self._upload = self._upload, None
        if upload is not None:
            upload.detach()

    def pause_reading(self, *, on: bool) -> None:
        """Stop (on) or resume (off) reading. A released connection always reads."""
        if on != self._held and not self._closed:
            self._held = on
            if on:
                self.transport.pause_reading()
            else:
                self.transport.resume_reading()

    def abort(self) -> None:
        """Abort the connection and whatever it carries."""
        self._answer = None
        self._end_upload()
        self._closed = True
        self.transport.abort()

    def discard(self) -> bool:
        """Close a connection that no request will use. False if not connected: then `lost` is not called."""
        self._closed = True
        if self.transport is None:
            self._lost = lambda _: None
            return False
        self.transport.abort()
        return True

    # -- the transport's callbacks ------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The connection is established."""
        self.transport = cast("asyncio.Transport", transport)
        self.transport.set_write_buffer_limits(0)
        if self._closed:
            self.transport.abort()

    def resume_writing(self) -> None:
        """Everything written so far has been sent."""
        if self._upload is not None:
            self._upload.send_available()
        if self._upload is not None:
            return
        if self.on_request_taken is not None and self._answer is not None and not self._head_done:
            self.on_request_taken()

    def get_buffer(self, sizehint: int) -> memoryview:
        """What the next read goes into: the buffer of the body, or the shared one, a little of it for a head."""
        del sizehint
        left = self._left
        if left < MIN_BUFFERED_BYTES and self._buffer is None:
            return _shared if self._begun else _shared[:HEAD_READ_BYTES]
        if self._buffer is None:
            self._buffer, self._filled = _buffers.acquire(left), 0
        room = len(self._buffer) - SLACK_BYTES - self._filled
        # Read beyond the end of the body too: surplus bytes must not wait for the next request.
        wanted = min(room if room < left else left + SLACK_BYTES, READ_BYTES)
        return self._buffer[self._filled : self._filled + wanted]

    def buffer_updated(self, nbytes: int) -> None:
        """So many bytes were read into the buffer."""
        buffer = self._buffer
        if buffer is None:
            self.data_received(bytes(_shared[:nbytes]))
            return
        first, self._filled = self._filled, self._filled + nbytes
        if self._filled >= len(buffer) - SLACK_BYTES or nbytes >= self._left:
            self._buffer = None
        self.data_received(buffer[first : self._filled])

    def data_received(self, data: Chunk) -> None:
        """Parse what arrived and pass it on."""
        if self._answer is None:
            self.abort()  # unsolicited bytes: the next request must not get them
            return
        if self._left:
            self._read_body_bytes(data)
            return
        if (
            not self._begun and data[0] != 0x48
        ):  # "H"; llhttp skips empty lines, which may be left of an earlier response
            self._break(UpstreamFailed(UpstreamReason.MALFORMED, detail="the response does not start with HTTP"))
            return
        self._begun = True
        self._counted += len(data)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self._break(UpstreamFailed(UpstreamReason.UPGRADE))
        except httptools.HttpParserError as error:
            self._break(self._error or UpstreamFailed(UpstreamReason.MALFORMED, detail=str(error)))
        else:
            self._finish_read()

    def _read_body_bytes(self, data: Chunk) -> None:
        """More of a body of known length: it is neither parsed nor copied."""
        answer, left = self._answer, self._left
        self._left = max(0, left - len(data))
        if answer is not None:
            answer.on_body(data if len(data) <= left else data[:left])
        if not self._left:
            self._finish()
            self._surplus = len(data) > left
            self._finish_read()

    def _finish_read(self) -> None:
        """After parsing: release an idle connection, or fail if head or trailers are too large."""
        if self._idle:
            self._idle = False
            if self._surplus:
                self.abort()
            elif not self._closed:
                self.pause_reading(on=False)
                self._released(self)
        elif self._counted > MAX_HEAD_BYTES and self._answer is not None:
            self._break(
                UpstreamFailed(UpstreamReason.TRAILER_TOO_LARGE if self._head_done else UpstreamReason.HEAD_TOO_LARGE)
            )

    def eof_received(self) -> None:
        """The upstream has closed its side properly; over TLS this is a close_notify, which nobody can forge."""
        self._ended = True

    def connection_lost(self, exc: Exception | None) -> None:
        """The upstream closed: this ends a body without length, or breaks the response."""
        self._closed = True
        answer, self._answer = self._answer, None
        self._end_upload()
        if answer is not None:
            if self.ends_at_close and self._head_done and exc is None and (self._ended or not self.secure):
                answer.on_end()
            elif self._begun:
                answer.on_broken(UpstreamFailed(UpstreamReason.TRUNCATED))
            else:
                answer.on_broken(UpstreamFailed(self._close_reason(exc), retry=True))
        self._lost(self)

    def _close_reason(self, exc: Exception | None) -> UpstreamReason:
        """Refused by TLS (our certificate, in TLS 1.3), closed while idle, or closed without a response."""
        if isinstance(exc, ssl.SSLError):
            return UpstreamReason.TLS
        return UpstreamReason.STALE_CONNECTION if self.served else UpstreamReason.CLOSED

    # -- llhttp's callbacks -------------------------------------------------------------------------------------

    def on_message_begin(self) -> None:
        """A message starts; if none is awaited, it is surplus (response queue poisoning)."""
        self._surplus = self._answer is None

    def on_status(self, reason: bytes) -> None:
        """The reason phrase, or part of it."""
        if not _VALUE.fullmatch(reason):
            self._fail(UpstreamReason.MALFORMED)

    def on_header(self, name: bytes, value: bytes) -> None:
        """One field line."""
        if len(self._fields) >= MAX_FIELDS or not _VALUE.fullmatch(value):
            self._fail(UpstreamReason.HEAD_TOO_LARGE if len(self._fields) >= MAX_FIELDS else UpstreamReason.FIELD_VALUE)
        self._fields.append((name.lower(), value.rstrip(b" \t")))  # llhttp keeps the whitespace after a value

    def on_headers_complete(self) -> None:
        """The head is complete."""
        status = self._parser.get_status_code()
        fields, self._fields = self._fields, []
        answer = self._answer
        if answer is None:
            return
        if status == 101 or not 100 <= status <= 999:
            self._fail(UpstreamReason.STATUS)
        version = self._parser.get_http_version()
        if version not in ("1.1", "1.0"):
            self._fail(UpstreamReason.VERSION)
        if sum(len(name) + len(value) for name, value in fields) > MAX_HEAD_BYTES:
            self._fail(UpstreamReason.HEAD_TOO_LARGE)
        try:
            found = response_framing(status, fields, int(version[2]), bodyless=self._bodyless)
        except ValueError:
            self._fail(UpstreamReason.FRAMING)
        if status < 200:
            self._interims += 1
            if self._interims > MAX_INTERIM_RESPONSES:
                self._fail(UpstreamReason.INTERIMS)
            answer.on_interim(status, fields)
            return
        self.ends_at_close, self._reusable, self._head_done = found.ends_at_close, found.is_reusable, True
        self._left = 0 if self._bodyless else found.length or 0
        answer.on_head(status, fields, found.length)
        if self._bodyless and not found.is_reusable:
            self._finish()  # llhttp would wait for a body

    def on_body(self, data: bytes) -> None:
        """A piece of the body, without chunk framing. Framing counts as head only where it exceeds the body."""
        self._counted = max(0, self._counted - 3 * len(data) - FRAMING_FREE)
        self._left = max(0, self._left - len(data))
        if self._answer is not None:
            self._answer.on_body(data)

    def on_message_complete(self) -> None:
        """The end of a body with a length or chunks. A 1xx ends here too, and is ignored."""
        if self._head_done and not self.ends_at_close:
            self._finish()

    def _finish(self) -> None:
        answer, self._answer = self._answer, None
        if answer is None:
            return
        self.on_request_taken = None  # it refers to the exchange, and an idle connection would hold the whole body
        self.served += 1
        # A response that precedes the end of its request ends the connection: the rest would be read as the next
        # request.
        early = self.unsent > 0 or self._upload is not None
        self._end_upload()
        if early or not self._reusable:
            self._closed = True
            self.transport.abort() if early else self.transport.close()
        self._idle = True
        answer.on_end()

    def _fail(self, reason: UpstreamReason) -> None:
        self._error = UpstreamFailed(reason)
        raise ValueError(reason)

    def _break(self, error: UpstreamFailed) -> None:
        answer, self._answer = self._answer, None
        self._closed = True
        self.transport.abort()
        self._end_upload()
        if answer is not None:
            answer.on_broken(error)
