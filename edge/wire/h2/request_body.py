"""The body of a request while its DATA frames arrive: small ones are collected, larger ones forwarded (see Upload)."""

from __future__ import annotations

from edge.wire.h2.request_fields import BrokenFields
from edge.wire.head import Limits, body_error
from edge.wire.request import Malformed, Request
from edge.wire.upload import SMALL_BODY, Upload

_FULL = Malformed(503, "request-bodies-full")
_NOT_AS_LONG = BrokenFields("a body of another length than Content-Length")


class RequestBody:
    """See the module. `expected`: its Content-Length, None if it has none. `ticks` counts the seconds since bytes came,
    `seconds` all of them."""

    __slots__ = ("_data", "_held", "_limits", "expected", "received", "request", "seconds", "ticks", "upload")

    def __init__(self, request: Request, limits: Limits) -> None:
        length = request.fields.get(b"content-length")
        self.expected = None if length is None else int(length)
        self.request = request
        self.received = self.ticks = self.seconds = 0
        self.upload: Upload | None = None
        self._limits = limits
        self._data = bytearray()
        self._held = 0

    def receive(self, data: bytes) -> Malformed | BrokenFields | None:
        """Take in a piece; returns what is wrong with it."""
        self.received += len(data)
        self.ticks = 0
        expected, limits = self.expected, self._limits
        if expected is not None and self.received > expected:
            return _NOT_AS_LONG
        if self.upload is not None:
            if self.received > limits.body:
                return Malformed(413, "body-too-large")
            self.upload.append(data)
            return None
        if data:
            wrong = body_error(self.request.method, self.received if expected is None else expected, limits)
            if wrong is not None:
                return wrong
            if not limits.bodies.try_hold(len(data)):
                return _FULL
            self._held += len(data)
        self._data += data
        if len(self._data) >= SMALL_BODY:
            self._forward()
        return None

    def _forward(self) -> None:
        """Go on as an upload."""
        upload = Upload(self._limits.bodies, self.expected, keep_alive=True)
        upload.answered = False
        self.request.body = self.upload = upload
        data = bytes(self._data)
        self.release()
        upload.append(data)

    def end(self) -> BrokenFields | None:
        """All of it has come; returns what is wrong with it."""
        if self.expected is not None and self.received != self.expected:
            return _NOT_AS_LONG
        if self.upload is not None:
            self.upload.end()
        else:
            self.request.body = bytes(self._data)
        return None

    def release(self) -> None:
        """Release the collected bytes."""
        self._data = bytearray()
        held, self._held = self._held, 0
        self._limits.bodies.release(held)

    def drop(self) -> None:
        """Discard it: the request is answered, or gone."""
        self.release()
        if self.upload is not None:
            self.upload.on_room = None
            self.upload.fail()


def length_error(request: Request, limits: Limits, *, ended: bool) -> Malformed | BrokenFields | None:
    """What is wrong with the length that a request announces. `ended`: no body follows."""
    length = request.fields.get(b"content-length")
    if length is None:
        return None
    if not length.isdigit() or len(length) > 15:
        return BrokenFields("Content-Length is no number")
    if ended:
        return _NOT_AS_LONG if int(length) else None
    return body_error(request.method, int(length), limits) if int(length) else None
