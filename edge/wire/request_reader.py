"""Requests out of bytes, one at a time and only when asked for: what is pipelined waits unread.

Whoever holds a reader adds what comes to `_rest` and asks for the next request. However the bytes are cut, the outcome
is the same; what is wrong is said as early as it can be known.
"""

from __future__ import annotations

from edge.wire.chunks import Chunks
from edge.wire.head import CHUNKED, Limits, framing, read_head, unmet_expectation, wrong_so_far
from edge.wire.request import Malformed, Request

EMPTY_LINES_MOST = 8
"""Empty lines before a request that are forgiven (RFC 9112 §2.2)."""


class RequestReader:
    """Reads requests off `_rest`. `body_ticks` counts the seconds that a body has been on its way.

    `by_head`: what was read last is a HEAD, or was to become one: its refusal has no body either (RFC 9110 §9.3.2).
    """

    __slots__ = (
        "_body",
        "_chunks",
        "_empty_lines",
        "_left",
        "_limits",
        "_request",
        "_rest",
        "_seen",
        "body_ticks",
        "by_head",
    )

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._rest = bytearray()
        self._seen = self._empty_lines = self._left = self.body_ticks = 0
        self.by_head = False
        self._request: Request | None = None
        self._body = bytearray()
        self._chunks: Chunks | None = None

    def _may_continue(self) -> None:
        """The viewer waits for word before he sends the body (RFC 9110 §10.1.1)."""
        raise NotImplementedError

    @property
    def in_head(self) -> bool:
        """Whether a request has begun to arrive and is not whole."""
        return bool(self._rest) or self._request is not None

    @property
    def in_body(self) -> bool:
        """Whether its body is on its way."""
        return self._request is not None

    @property
    def body_received(self) -> int:
        """Bytes of that body so far."""
        return len(self._body)

    def _next(self) -> Request | Malformed | None:
        """The next whole request, or what is wrong; None: more must come."""
        if self._request is not None:
            return self._read_body(self._request)
        request = self._read_head()
        if request is None or isinstance(request, Malformed):
            return request
        fields = request.fields
        if b"expect" in fields and request.minor and unmet_expectation(request):
            return Malformed(417, "expectation")
        if b"content-length" not in fields and b"transfer-encoding" not in fields:
            return request
        length = framing(request, self._limits)
        if isinstance(length, Malformed):
            return length
        if length == 0:
            return request
        self._request, self._left, self.body_ticks = request, max(0, length), 0
        self._chunks = Chunks(self._limits) if length == CHUNKED else None
        if b"expect" in fields and request.minor and not self._rest:
            self._may_continue()
        return self._read_body(request)

    def _read_head(self) -> Request | Malformed | None:
        rest, limits = self._rest, self._limits
        while rest.startswith(b"\r\n"):
            del rest[:2]
            self._seen = 0
            self._empty_lines += 1
            if self._empty_lines > EMPTY_LINES_MOST:
                return Malformed(400, "malformed", "empty lines and no request")
        if not rest or rest == b"\r":
            return None
        self.by_head = rest.startswith(b"HEAD ")
        end = rest.find(b"\r\n\r\n", max(0, self._seen - 3), limits.whole_head)
        if end < 0:
            wrong = wrong_so_far(rest, self._seen, limits)
            self._seen = len(rest)
            return wrong
        head = bytes(rest[: end + 2])
        del rest[: end + 4]
        self._seen = self._empty_lines = 0
        return read_head(head, limits)

    def _read_body(self, request: Request) -> Request | Malformed | None:
        rest, body = self._rest, self._body
        if self._chunks is not None:
            wrong = self._chunks.take(rest, body)
            if wrong is not None:
                return wrong
            if not self._chunks.ended:
                return None
        else:
            part = rest[: self._left]
            body += part
            del rest[: len(part)]
            self._left -= len(part)
            if self._left:
                return None
        request.body = bytes(body)
        self._request, self._chunks, self._body = None, None, bytearray()
        return request
