"""Requests from bytes, one at a time and only when asked for: pipelined bytes wait unread.

The owner of a reader appends received bytes to `_rest` and asks for the next request. However the bytes are cut, the
outcome is the same; an error is reported as early as it can be known.
"""

from __future__ import annotations

from edge.wire.chunks import Chunks
from edge.wire.head import CHUNKED, Limits, error_so_far, framing, read_head, unmet_expectation
from edge.wire.request import Malformed, Request
from edge.wire.upload import SMALL_BODY, Upload

MAX_EMPTY_LINES = 8
"""Empty lines before a request that are ignored (RFC 9112 §2.2)."""


class RequestReader:
    """Reads requests from `_rest`. `body_ticks` counts the seconds that a body has been arriving.

    `upload`: a large body that is forwarded while it is received; its request was read already. `is_head`: the last
    request is a HEAD, or was to become one: its refusal has no body either (RFC 9110 §9.3.2).
    """

    __slots__ = (
        "_body",
        "_chunks",
        "_empty_lines",
        "_held",
        "_in_line",
        "_left",
        "_limits",
        "_received",
        "_request",
        "_rest",
        "_seen",
        "body_ticks",
        "is_head",
        "upload",
    )

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._rest = bytearray()
        self._seen = self._empty_lines = self._left = self.body_ticks = 0
        self._held = self._received = 0
        self.upload: Upload | None = None
        self.is_head = False
        self._in_line = True
        self._request: Request | None = None
        self._body = bytearray()
        self._chunks: Chunks | None = None

    def _send_continue(self) -> None:
        """Send 100 Continue: the viewer waits for it before sending the body (RFC 9110 §10.1.1)."""
        raise NotImplementedError

    @property
    def in_head(self) -> bool:
        """Whether a request has begun to arrive and is not complete."""
        return bool(self._rest) or self._request is not None

    @property
    def in_body(self) -> bool:
        """Whether its body is arriving."""
        return self._request is not None

    @property
    def body_received(self) -> int:
        """Bytes of that body so far."""
        return self._received

    def _next(self) -> Request | Malformed | None:
        """The next complete request, or the error in it; None: more bytes must come."""
        if self._request is not None:
            return self._read_body(self._request)
        request = self._read_head()
        if request is None or isinstance(request, Malformed):
            return request
        fields = request.fields
        if b"expect" in fields and request.minor and unmet_expectation(request):
            return _with_request(request, Malformed(417, "expectation"))
        if b"content-length" not in fields and b"transfer-encoding" not in fields:
            return request
        length = framing(request, self._limits)
        if isinstance(length, Malformed):
            return _with_request(request, length)
        if length == 0:
            return request
        self._request, self._left, self.body_ticks, self._received = request, max(0, length), 0, 0
        self._chunks = Chunks(self._limits) if length == CHUNKED else None
        if b"expect" in fields and request.minor and not self._rest:
            self._send_continue()
        return self._read_body(request)

    def _read_head(self) -> Request | Malformed | None:
        rest, limits = self._rest, self._limits
        while rest.startswith(b"\r\n"):
            del rest[:2]
            self._seen = 0
            self._empty_lines += 1
            if self._empty_lines > MAX_EMPTY_LINES:
                return Malformed(400, "malformed", "empty lines and no request")
        if not rest or rest == b"\r":
            return None
        self.is_head = rest.startswith(b"HEAD ")
        end = rest.find(b"\r\n\r\n", max(0, self._seen - 3), limits.whole_head)
        if end < 0:
            # `_in_line` is about this head only once a byte of it was seen.
            in_line = self._in_line or not self._seen
            wrong = error_so_far(rest, self._seen, limits, in_line=in_line)
            self._in_line = in_line and rest.find(b"\n", self._seen) < 0
            self._seen = len(rest)
            return wrong
        head = bytes(rest[: end + 2])
        del rest[: end + 4]
        self._seen = self._empty_lines = 0
        return read_head(head, limits)

    def _read_body(self, request: Request) -> Request | Malformed | None:
        """The request, if its body is complete or too large to collect: then the rest is an upload
        (`_receive_upload`)."""
        wrong = self._receive_body() or self._hold_body()
        if wrong is not None:
            return wrong
        if self._body_ended():
            request.body = bytes(self._body)
            self._request, self._chunks, self._body = None, None, bytearray()
            return request
        if len(self._body) < SMALL_BODY:
            return None
        length = None if self._chunks is not None else self._received + self._left
        request.body = self.upload = Upload(self._limits.bodies, length, keep_alive=request.keep_alive)
        self._release_body()
        self._forward(self.upload)
        return request

    def _receive_body(self) -> Malformed | None:
        """Move the received body from `_rest` to `_body`."""
        before = len(self._body)
        if self._chunks is not None:
            wrong = self._chunks.read(self._rest, self._body)
        else:
            wrong, part = None, self._rest[: self._left]
            self._body += part
            del self._rest[: len(part)]
            self._left -= len(part)
        self._received += len(self._body) - before
        return wrong

    def _body_ended(self) -> bool:
        return self._chunks.ended if self._chunks is not None else not self._left

    def _hold_body(self) -> Malformed | None:
        """Count the collected bytes with those of all other requests."""
        grown = len(self._body) - self._held
        if not self._limits.bodies.try_hold(grown):
            return _FULL
        self._held += grown
        return None

    def _release_body(self) -> None:
        """Release the collected bytes."""
        held, self._held = self._held, 0
        self._limits.bodies.release(held)

    def _receive_upload(self, upload: Upload) -> Malformed | None:
        """Forward more of an upload; returns the error in it."""
        wrong = self._receive_body()
        self._forward(upload)
        if wrong is None and self._body_ended():
            self.upload = self._request = self._chunks = None
            upload.end()
        return wrong

    def _forward(self, upload: Upload) -> None:
        if self._body:
            upload.append(bytes(self._body))
            self._body.clear()


_FULL = Malformed(503, "request-bodies-full")


def _with_request(request: Request, wrong: Malformed) -> Malformed:
    """The error, with the request whose head could be read."""
    wrong.request = request
    return wrong
