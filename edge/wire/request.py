"""A parsed request, or bytes that are not one. Framed and bounded, but not interpreted."""

from __future__ import annotations

from edge.wire.upload import Upload


class Request:
    """One request. `fields`: lower-case name → value, repeated ones joined by a comma (RFC 9110 §5.3).

    `target` is in origin-form (an absolute-form target is reduced to it, its authority put into `host`; RFC 9112
    §3.2.2). `minor`: of the HTTP version, 1 for HTTP/2 too; `version`: in full;
    `protocol`: as ALPN and the access log name it. `body`: the whole body, or an Upload that is being received.
    """

    __slots__ = ("body", "fields", "keep_alive", "method", "minor", "protocol", "target", "version")

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
        self.version, self.protocol = (b"1.1", "http/1.1") if minor else (b"1.0", "http/1.0")
        self.keep_alive = keep_alive
        self.body = body


class Malformed:
    """Bytes that are not an acceptable request: answered with `status` after what came before them, then the connection
    closes. `request`: the request, if its head could be read."""

    __slots__ = ("detail", "reason", "request", "status")

    def __init__(self, status: int, reason: str, detail: str = "") -> None:
        self.status = status
        self.reason = reason
        self.detail = detail
        self.request: Request | None = None
