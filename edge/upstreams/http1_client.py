"""HTTP/1.1 to upstreams, strictly: a truncated or mis-framed response never passes for complete (RFC 9112 §6, §8).

Anything ambiguous ends the exchange and the connection. Bytes after the end of a response end the connection too, so
that no other request gets them. llhttp parses; `framing` decides how a body ends and whether the connection is
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

from edge.wire.upload import Upload
from kernel.errors import UpstreamFailed
from kernel.fetch_reasons import UpstreamReason
from kernel.http.message import Fields, members, values

NO_BODY = frozenset((204, 304))
_LENGTH = re.compile(rb"[0-9]{1,15}")


@dataclass(frozen=True, slots=True)
class Framing:
    """`length` of the body when it is told. `by_close`: it ends with the connection. `reusable`: that goes on then."""

    length: int | None
    by_close: bool
    reusable: bool


def framing(status: int, fields: Fields, minor: int, *, bodyless: bool) -> Framing:
    """What a head says of its body; `bodyless`: it answers HEAD. ValueError("framing") when that is not clear.

    More than one Content-Length, one beside Transfer-Encoding, a coding that is not `chunked` alone, a coding in
    HTTP/1.0 or where none may be: each could be read in two ways, and two readers must never differ.
    """
    lengths = members(values(fields, b"content-length"))
    told = bool(lengths) or any(name == b"content-length" for name, _ in fields)
    codings = values(fields, b"transfer-encoding")
    if codings and (told or minor == 0 or len(codings) > 1 or codings[0].strip(b" \t").lower() != b"chunked"):
        raise ValueError("framing")
    if told and (len(lengths) != 1 or not _LENGTH.fullmatch(lengths[0])):
        raise ValueError("framing")
    if status < 200 and (told or codings):
        raise ValueError("framing")  # RFC 9110 §8.6, RFC 9112 §6.1: neither may stand there
    kept = _kept(fields, minor)
    if status in NO_BODY:
        # A length in a 304 is that of what was not sent; in a 204, and a coding in either, a body may yet follow.
        clear = not codings and (status == 304 or not lengths or int(lengths[0]) == 0)
        return Framing(0, by_close=False, reusable=kept and clear)
    length = int(lengths[0]) if lengths else None
    by_close = length is None and not codings and not bodyless
    # llhttp cannot be told that no body follows the answer to a HEAD, nor can we tell a late one: it is not used again.
    return Framing(length, by_close, reusable=kept and not by_close and not (bodyless and length != 0))


def _kept(fields: Fields, minor: int) -> bool:
    """Whether the connection goes on (RFC 9112 §9.3)."""
    options = {option.lower() for option in members(values(fields, b"connection"))}
    return b"close" not in options and (minor == 1 or b"keep-alive" in options)


MAX_HEAD_BYTES = 64 * 1024
MAX_FIELDS = 200
MAX_INTERIM_RESPONSES = 32
FRAMING_FREE = 16
"""Bytes of chunk framing beside each piece of a body that are not counted against MOST_HEAD."""

_VALUE = re.compile(rb"[\t\x20-\x7e\x80-\xff]*")


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
    """One connection to an upstream; one exchange at a time. `secure`: it goes over TLS.

    `released` is told when it is idle again, `lost` when it is closed.
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
        self.transport: asyncio.Transport = cast("asyncio.Transport", None)  # until it is connected
        self.served = 0
        self.idle_since = self.made_at = 0.0
        self.by_close = False
        self.on_taken: Callable[[], object] | None = None
        """Called when the upstream has taken all of a request that it did not take at once."""
        self._answer: Answer | None = None
        self._upload: Upload | None = None
        self._handed = 0
        self._parser: Any = None
        self._fields: Fields = []
        self._bodyless = self._reusable = self._begun = self._closed = self._ended = False
        self._interims = 0
        self._counted = 0
        self._left = 0  # bytes of a body of told length that are still to come: they need no parser
        self._head_done = False
        self._error: UpstreamFailed | None = None
        self._idle = self._surplus = self._held = False

    # -- the asking side ---------------------------------------------------------------------------------------

    @property
    def usable(self) -> bool:
        """Whether a further request may be sent."""
        return not self._closed and self._answer is None and not self.transport.is_closing()

    @property
    def unsent(self) -> int:
        """Bytes of the request that the upstream has not taken yet."""
        return 0 if self._closed else self.transport.get_write_buffer_size()

    def ask(self, request: list[bytes], answer: Answer, *, head_only: bool, upload: Upload | None = None) -> None:
        """Send a request, with a body that follows as it comes; the answer hears of everything that follows."""
        self._answer = answer
        self.on_taken = None
        self._bodyless = head_only
        self._begun = self.by_close = self._head_done = False
        self._counted = self._interims = self._left = 0
        self._fields = []
        self._parser = httptools.HttpResponseParser(self)
        self._handed = sum(map(len, request))
        self.transport.writelines(request)
        self._upload = upload
        if upload is not None:
            upload.send_to(self)

    @property
    def sending(self) -> bool:
        """Whether more of the request is to come."""
        return self._upload is not None

    @property
    def taken(self) -> int:
        """Bytes of the request that the upstream has taken."""
        return self._handed - self.unsent

    def send(self, data: bytes) -> None:
        """A further piece of the request."""
        if not self._closed:
            self._handed += len(data)
            self.transport.write(data)

    def sent_all(self) -> None:
        """There is no further piece."""
        self._upload = None
        if not self.unsent:
            self.resume_writing()

    def broken_off(self) -> None:
        """There will be no further piece, and the request is not whole."""
        self._upload = None
        if self._answer is not None:
            self._break(UpstreamFailed(UpstreamReason.UPLOAD_BROKEN))

    def _end_upload(self) -> None:
        upload, self._upload = self._upload, None
        if upload is not None:
            upload.detach()

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
        self._end_upload()
        self._closed = True
        self.transport.abort()

    def discard(self) -> bool:
        """Nobody will ask over it: close it. False when it is not connected: then `lost` will not be told of it."""
        self._closed = True
        if self.transport is None:
            self._lost = lambda _: None
            return False
        self.transport.abort()
        return True

    # -- the transport's side ----------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Connected."""
        self.transport = cast("asyncio.Transport", transport)
        self.transport.set_write_buffer_limits(0)
        if self._closed:
            self.transport.abort()

    def resume_writing(self) -> None:
        """Nothing is left to send of what was handed over."""
        if self._upload is not None:
            self._upload.send_available()
        if self._upload is not None:
            return
        if self.on_taken is not None and self._answer is not None and not self._head_done:
            self.on_taken()

    def data_received(self, data: bytes) -> None:
        """Parse, tell the answer."""
        if self._answer is None:
            self.cut()  # bytes nobody asked for: whoever asks next must not get them
            return
        if self._left:
            self._more(data)
            return
        if not self._begun and data[0] != 0x48:  # H; llhttp passes over empty lines, which may be left of an old answer
            self._break(UpstreamFailed(UpstreamReason.MALFORMED, detail="the answer does not begin with HTTP"))
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
            self._after()

    def _more(self, data: bytes) -> None:
        """More of a body of told length: no parser need look at it, nor copy it."""
        answer, left = self._answer, self._left
        self._left = max(0, left - len(data))
        if answer is not None:
            answer.on_body(data if len(data) <= left else data[:left])
        if not self._left:
            self._finish()
            self._surplus = len(data) > left
            self._after()

    def _after(self) -> None:
        """All that came is parsed: is the connection free, or has it said too much that is no body?"""
        if self._idle:
            self._idle = False
            if self._surplus:
                self.cut()
            elif not self._closed:
                self.hold(on=False)
                self._released(self)
        elif self._counted > MAX_HEAD_BYTES and self._answer is not None:
            self._break(
                UpstreamFailed(UpstreamReason.TRAILER_TOO_LARGE if self._head_done else UpstreamReason.HEAD_TOO_LARGE)
            )

    def eof_received(self) -> None:
        """The upstream's side has ended in due form; over TLS that is its close_notify, which nobody else can send."""
        self._ended = True

    def connection_lost(self, exc: Exception | None) -> None:
        """The upstream closed: the end of a body without length, or a break."""
        self._closed = True
        answer, self._answer = self._answer, None
        self._end_upload()
        if answer is not None:
            if self.by_close and self._head_done and exc is None and (self._ended or not self.secure):
                answer.on_end()
            elif self._begun:
                answer.on_broken(UpstreamFailed(UpstreamReason.TRUNCATED))
            else:
                answer.on_broken(UpstreamFailed(self._close_reason(exc), retry=True))
        self._lost(self)

    def _close_reason(self, exc: Exception | None) -> UpstreamReason:
        """Refused by TLS (our certificate, in TLS 1.3), closed while it was kept, or closed without a response."""
        if isinstance(exc, ssl.SSLError):
            return UpstreamReason.TLS
        return UpstreamReason.STALE_CONNECTION if self.served else UpstreamReason.CLOSED

    # -- llhttp's side -----------------------------------------------------------------------------------------

    def on_message_begin(self) -> None:
        """A message starts; after the one that was asked for it is surplus (response queue poisoning)."""
        self._surplus = self._answer is None

    def on_status(self, reason: bytes) -> None:
        """The reason phrase, or a part of it."""
        if not _VALUE.fullmatch(reason):
            self._fail(UpstreamReason.MALFORMED)

    def on_header(self, name: bytes, value: bytes) -> None:
        """One field line."""
        if len(self._fields) >= MAX_FIELDS or not _VALUE.fullmatch(value):
            self._fail(UpstreamReason.HEAD_TOO_LARGE if len(self._fields) >= MAX_FIELDS else UpstreamReason.FIELD_VALUE)
        self._fields.append((name.lower(), value.rstrip(b" \t")))  # llhttp leaves the whitespace after a value

    def on_headers_complete(self) -> None:
        """The head is whole."""
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
            found = framing(status, fields, int(version[2]), bodyless=self._bodyless)
        except ValueError:
            self._fail(UpstreamReason.FRAMING)
        if status < 200:
            self._interims += 1
            if self._interims > MAX_INTERIM_RESPONSES:
                self._fail(UpstreamReason.INTERIMS)
            answer.on_interim(status, fields)
            return
        self.by_close, self._reusable, self._head_done = found.by_close, found.reusable, True
        self._left = 0 if self._bodyless else found.length or 0
        answer.on_head(status, fields, found.length)
        if self._bodyless and not found.reusable:
            self._finish()  # llhttp would wait for a body

    def on_body(self, data: bytes) -> None:
        """A part of the body, without its chunks' framing, of which no more is taken than there is body."""
        self._counted = max(0, self._counted - 3 * len(data) - FRAMING_FREE)
        self._left = max(0, self._left - len(data))
        if self._answer is not None:
            self._answer.on_body(data)

    def on_message_complete(self) -> None:
        """The end, by Content-Length or last chunk; a 1xx ends here too and is passed over."""
        if self._head_done and not self.by_close:
            self._finish()

    def _finish(self) -> None:
        answer, self._answer = self._answer, None
        if answer is None:
            return
        self.served += 1
        # An answer that comes before all of its request is sent ends the connection, or the rest were the next request.
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
