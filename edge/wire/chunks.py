"""A chunked body, read as it comes (RFC 9112 §7.1): CR LF everywhere, extensions by the grammar, all bounded. Pure."""

from __future__ import annotations

import re

from edge.wire.head import Limits
from edge.wire.request import Malformed

_TOKEN = rb"[!#$%&'*+.^_`|~0-9A-Za-z-]++"
_QUOTED = rb'"(?:[\t \x21\x23-\x5b\x5d-\x7e\x80-\xff]|\\[\t \x21-\x7e\x80-\xff])*+"'
_EXTENSION = b"[ \t]*+;[ \t]*+" + _TOKEN + b"(?:[ \t]*+=[ \t]*+(?:" + _TOKEN + b"|" + _QUOTED + b"))?"
_SIZE = re.compile(b"([0-9A-Fa-f]{1,16}+)(?:" + _EXTENSION + b")*+")
_SIZE_SO_FAR = re.compile(rb"[0-9A-Fa-f]{1,16}+(?:[ \t;][^\r\n\0]*+)?\r?")
_EXTENSION_SO_FAR = re.compile(rb"[^\r\n\0]*+\r?")
_SIZE_DIGITS = 16
_FIELD = re.compile(b"(" + _TOKEN + rb"):[\t\x20-\x7e\x80-\xff]*+")
_NOT_IN_TRAILERS = frozenset(
    (b"host", b"content-length", b"transfer-encoding", b"trailer", b"authorization", b"proxy-authorization",
     b"connection", b"expect", b"te", b"content-encoding", b"content-type", b"content-range", b"cookie")
)  # fmt: skip
"""Fields of framing, routing, authorisation and content are refused in a trailer (RFC 9110 §6.5.1)."""
MAX_LINE_BYTES = 4096
"""Bytes of a chunk's size with its extensions, and of a trailer's line."""
MAX_OVERHEAD = 8
"""A chunked body may take this many times its limit on the wire: chunks of one byte pass, endless extensions do not."""
MIN_OVERHEAD_BYTES = 16 * 1024


class Chunks:
    """Reads a chunked body from the front of a buffer. `ended`: all of it is read, with its trailer."""

    __slots__ = (
        "_fields",
        "_in_trailer",
        "_left",
        "_limits",
        "_needs_crlf",
        "_overhead",
        "_seen",
        "ended",
        "received",
    )

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._left = self._overhead = self._fields = self._seen = 0
        self.received = 0
        """Bytes of the body so far."""
        self._needs_crlf = self._in_trailer = self.ended = False

    def read(self, rest: bytearray, body: bytearray) -> Malformed | None:
        """Move the available body from `rest` to `body`; returns what is wrong with it."""
        while not self.ended:
            if self._left:
                if not rest:
                    return None
                part = rest[: self._left]
                body += part
                del rest[: len(part)]
                self._left -= len(part)
                self.received += len(part)
            elif self._needs_crlf:
                if len(rest) < 2:
                    return None if b"\r".startswith(rest) else _WRONG_END
                if rest[:2] != b"\r\n":
                    return _WRONG_END
                del rest[:2]
                self._needs_crlf = False
            else:
                line = self._line(rest)
                if line is None or isinstance(line, Malformed):
                    return line
                wrong = self._trailer(line) if self._in_trailer else self._size(line)
                if wrong is not None:
                    return wrong
        return None

    def _line(self, rest: bytearray) -> bytes | Malformed | None:
        """The next line without its CR LF."""
        stop = rest.find(b"\n", self._seen, MAX_LINE_BYTES + 2)
        if stop < 0:
            seen, self._seen = self._seen, min(len(rest), MAX_LINE_BYTES + 2)
            if not self._in_trailer and rest and not _may_begin_line(rest, seen):
                return _WRONG_SIZE
            if len(rest) < MAX_LINE_BYTES + 2:
                return None
            return Malformed(431, "trailer-too-large") if self._in_trailer else _TOO_LARGE
        self._seen = 0
        line = bytes(rest[:stop])
        if not line.endswith(b"\r"):
            return _WRONG_END
        del rest[: stop + 1]
        self._overhead += stop + 3
        if self._overhead > MIN_OVERHEAD_BYTES + MAX_OVERHEAD * self._limits.body:
            return _TOO_LARGE
        return line[:-1]

    def _size(self, line: bytes) -> Malformed | None:
        match = _SIZE.fullmatch(line)
        if match is None:
            return _WRONG_SIZE
        self._left = int(match[1], 16)
        if self.received + self._left > self._limits.body:
            return _TOO_LARGE
        self._needs_crlf = self._left > 0
        self._in_trailer = self._left == 0
        return None

    def _trailer(self, line: bytes) -> Malformed | None:
        """Check one line of the trailer and discard it: nothing here needs one."""
        if not line:
            self.ended = True
            return None
        field = _FIELD.fullmatch(line)
        self._fields += 1
        if field is None:
            return Malformed(400, "malformed", f"trailer line {self._fields} is no field line")
        if field[1].lower() in _NOT_IN_TRAILERS:
            return Malformed(400, "trailer", field[1].decode())
        if self._fields > self._limits.fields:
            return Malformed(431, "too-many-fields", "in the trailer")
        return None


def _may_begin_line(rest: bytearray, seen: int) -> bool:
    """Whether this can be the beginning of a chunk's line; its first `seen` bytes were checked before."""
    if seen <= _SIZE_DIGITS + 1:
        return _SIZE_SO_FAR.fullmatch(rest, 0, MAX_LINE_BYTES + 2) is not None
    # In the extensions: continue at the last byte, which may have been the CR.
    return _EXTENSION_SO_FAR.fullmatch(rest, seen - 1, MAX_LINE_BYTES + 2) is not None


_WRONG_SIZE = Malformed(400, "malformed", "no size of a chunk where one must be")
_WRONG_END = Malformed(400, "malformed", "a chunk's line or data that does not end with CR LF")
_TOO_LARGE = Malformed(413, "body-too-large")
