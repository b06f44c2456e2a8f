"""A request as the wire layer hands it over: parsed, framed and bounded, not yet understood."""

from __future__ import annotations

from edge.wire.upload import Upload


class Request:
    """One request. `fields`: lower-case name → value, repeated ones joined by a comma (RFC 9110 §5.3).

    `target` is origin-form (an absolute-form target is reduced to it, its authority put into `host`; RFC 9112 §3.2.2).
    `body`: the whole of it, or an Upload that is under way.
    """

    __slots__ = ("body", "fields", "keep_alive", "method", "minor", "target")

    def __init__(
        self,
        method: bytes,
        target: bytes,
        fields: dict[bytes, bytes],
        minor: int,
        keep_alive: bool,
        body: bytes | Upload = b"",
    ) -> None:
        self.method = method
        self.target = target
        self.fields = fields
        self.minor = minor
        self.keep_alive = keep_alive
        self.body = body


class Malformed:
    """Bytes that are no acceptable request: answered with `status` and closed, after what came before it.

    `request`: its head, where that could be read.
    """

    __slots__ = ("detail", "reason", "request", "status")

    def __init__(self, status: int, reason: str, detail: str = "") -> None:
        self.status = status
        self.reason = reason
        self.detail = detail
        self.request: Request | None = None
