"""HTTP/1.1 requests out of bytes: llhttp parses, and what it lets pass and RFC 9112 does not is refused here.

Strict by default: one clear framing, one Host, no whitespace where none belongs, bounds on everything. Whoever holds
a reader feeds `_parser` and adds `on_message_complete`, which makes the Request.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, NoReturn

import httptools

from edge.wire.request import Malformed, Request

_HOST = re.compile(rb"(?:(?:[A-Za-z0-9._~!$&'()*+,;=-]|%[0-9A-Fa-f]{2})+|\[[0-9A-Fa-f:.]+\])(?::\d{0,5})?")
_ABSOLUTE = re.compile(rb"https?://([^/?#]*)([^#]*)", re.IGNORECASE)
_REQUEST_LINE = re.compile(rb"(?:^|\n)([!#$%&'*+.^_`|~0-9A-Za-z-]{1,64}) [^ \r\n]+ HTTP/1\.[01]\r")
_COMMON = frozenset((b"GET", b"HEAD", b"OPTIONS", b"POST", b"PUT", b"PATCH", b"DELETE"))
_ONCE = (b"host", b"content-length", b"transfer-encoding", b"authorization")
MOST_AT_ONCE = 16 * 1024
"""Bytes parsed in one go: limits hold in steps of this, whatever comes in one read."""
CHUNKS_COST = 8
"""A chunked body may take this many times its limit on the wire: chunks of one byte pass, endless extensions do not."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of a request, in bytes and fields. `body` 0: no request may have a body."""

    target: int = 16 * 1024
    head: int = 48 * 1024
    fields: int = 100
    body: int = 0


def complaint(error: Exception, data: bytes) -> Malformed:
    """What llhttp's error on these bytes is called: a method or version that is not ours, else plainly malformed."""
    invalid_method = isinstance(error, httptools.HttpParserInvalidMethodError)
    if invalid_method and not _COMMON.issuperset(_REQUEST_LINE.findall(data)):
        return Malformed(501, "method")
    if str(error) in ("Invalid HTTP version", "Pause on PRI/Upgrade"):
        return Malformed(505, "version")
    return Malformed(400, "malformed", str(error))


class RequestReader:
    """llhttp's callbacks, and the checks. What a callback refuses stands in `_refused` while its exception rises."""

    __slots__ = (
        "_body",
        "_fields",
        "_head_bytes",
        "_in_body",
        "_limits",
        "_method",
        "_minor",
        "_most",
        "_parser",
        "_refused",
        "_repeats",
        "_retiring",
        "_target",
        "_unusual",
    )

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._parser: Any = httptools.HttpRequestParser(self)
        self._refused: Malformed | None = None
        self._in_body = self._retiring = self._unusual = False
        self._head_bytes = self._repeats = self._minor = 0
        self._most = limits.head + limits.target
        self._method = self._target = b""
        self._fields: dict[bytes, bytes] = {}
        self._body = bytearray()

    def _may_continue(self) -> None:
        """The viewer waits for word before he sends the body (RFC 9110 §10.1.1)."""
        raise NotImplementedError

    @property
    def in_head(self) -> bool:
        """Whether a request has begun to arrive and is not whole."""
        return self._head_bytes > 0

    def on_message_begin(self) -> None:
        """A new request starts."""
        self._head_bytes = self._head_bytes or 1  # the rest of what it came with counts from here on
        self._target = b""
        self._fields = {}

    def on_url(self, part: bytes) -> None:
        """The target, or a part of it when it came in pieces."""
        if self._target:
            part = self._target + part
            if len(part) > self._limits.target:
                self._reject(414, "target-too-long")
        self._target = part

    def on_header(self, name: bytes, value: bytes) -> None:
        """One field line."""
        name = name.lower()
        fields = self._fields
        if name not in fields:
            fields[name] = value.rstrip()  # llhttp leaves the whitespace after a value
        else:
            self._repeated(name, value)

    def _repeated(self, name: bytes, value: bytes) -> None:
        if name in _ONCE:
            self._reject(400, "repeated-field", name.decode("latin-1"))
        self._repeats += 1
        self._unusual = True
        if len(self._fields) + self._repeats > self._limits.fields:
            self._reject(431, "too-many-fields")
        joint = b"; " if name == b"cookie" else b", "
        self._fields[name] = self._fields[name] + joint + value.rstrip()

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
        if version == "1.1":
            self._minor = 1
        elif version == "1.0":
            self._minor = 0
            if b"close" in fields.get(b"connection", b"").lower():
                self._retiring = self._unusual = True  # llhttp lets keep-alive win there
        else:
            self._reject(505, "version")
        if host is None:
            if self._minor:
                self._reject(400, "host-missing")
        elif not _HOST.fullmatch(host) and (host or self._minor):
            self._reject(400, "host")
        if b"content-length" in fields or b"transfer-encoding" in fields:
            self._check_body()
        if self._target[:1] != b"/":
            self._reduce_target()

    def _check_body(self) -> None:
        """One clear framing (RFC 9112 §6.1, §6.3), and a body only where there may be one."""
        fields, limits = self._fields, self._limits
        length = fields.get(b"content-length", b"0")
        coding = fields.get(b"transfer-encoding")
        if coding is not None and (coding.lower() != b"chunked" or not self._minor):
            self._reject(400, "transfer-encoding")
        if not length.isdigit() or len(length) > 15:
            self._reject(400, "content-length")
        if coding is None and not int(length):
            return
        if not limits.body and self._method in (b"GET", b"HEAD", b"OPTIONS"):
            self._reject(400, "body")
        if not limits.body:
            self._reject(405, "method")
        if int(length) > limits.body:
            self._reject(413, "body-too-large")
        if self._parser.should_upgrade():
            self._reject(400, "upgrade", "an upgrade with a body")  # llhttp would take the body for the next request
        self._in_body = self._unusual = True
        self._most = self._head_bytes + (int(length) if coding is None else MOST_AT_ONCE + CHUNKS_COST * limits.body)
        if fields.get(b"expect", b"").lower() == b"100-continue" and self._minor:
            self._may_continue()

    def _reduce_target(self) -> None:
        """Absolute-form to origin-form; its authority wins over Host (RFC 9112 §3.2.2)."""
        match = _ABSOLUTE.fullmatch(self._target)
        if match:
            if not _HOST.fullmatch(match[1]):
                self._reject(400, "authority")
            self._fields[b"host"] = match[1]
            rest = match[2] or b"/"
            self._target = rest if rest.startswith(b"/") else b"/" + rest
        elif self._method == b"CONNECT":
            self._reject(405, "method")
        elif not (self._target == b"*" and self._method == b"OPTIONS"):
            self._reject(400, "target")

    def on_body(self, data: bytes) -> None:
        """A part of the request's body."""
        if len(self._body) + len(data) > self._limits.body:
            self._reject(413, "body-too-large")
        self._body += data

    def _settle(self, request: Request) -> None:
        """After a request that was not of the plain sort: what it left behind goes with it, or is put back."""
        request.body, self._body = bytes(self._body), bytearray()
        request.keep_alive = request.keep_alive and not self._retiring
        self._in_body, self._repeats = False, 0
        self._most = self._limits.head + self._limits.target
        self._unusual = self._retiring

    def _reject(self, status: int, reason: str, detail: str = "") -> NoReturn:
        self._refused = Malformed(status, reason, detail)
        raise ValueError(reason)
