"""CORS (the Fetch standard): which pages of which origins may read a response. Pure; ready lines."""

from __future__ import annotations

from dataclasses import dataclass

EXPOSED = (
    b"Access-Control-Expose-Headers: Age, Cache-Status, CMSD-Static, CMSD-Dynamic, Content-Length, Content-Range, "
    b"Date, ETag\r\n"
)
PREFLIGHT = (
    b"Access-Control-Allow-Methods: GET, HEAD, OPTIONS\r\n"
    b"Access-Control-Allow-Headers: Range, If-None-Match, If-Modified-Since, If-Range\r\n"
    b"Access-Control-Max-Age: 86400\r\n"
)
REPLACED = frozenset(
    (b"access-control-allow-origin", b"access-control-allow-credentials", b"access-control-expose-headers",
     b"access-control-allow-methods", b"access-control-allow-headers", b"timing-allow-origin")
)  # fmt: skip
"""Upstream's fields that the edge's own stand in place of."""


@dataclass(frozen=True, slots=True)
class Cors:
    """`everybody`: any origin, without credentials; else `origins`, those that may; neither: upstream's own is left."""

    everybody: bool = False
    origins: frozenset[bytes] = frozenset()

    @property
    def ours(self) -> bool:
        """Whether the edge answers for it, and not upstream."""
        return self.everybody or bool(self.origins)

    @property
    def replaced(self) -> frozenset[bytes]:
        """Upstream's fields that ours stand in place of."""
        return REPLACED if self.ours else frozenset()

    @property
    def lines(self) -> bytes:
        """What every response says, whoever asks. With a list it varies, but the cache holds one for all."""
        if self.everybody:
            return b"Access-Control-Allow-Origin: *\r\n" + EXPOSED + b"Timing-Allow-Origin: *\r\n"
        return b"Vary: Origin\r\n" if self.origins else b""

    def more(self, origin: bytes | None) -> bytes:
        """What the response to a page of this origin says beyond that."""
        if origin is None or origin not in self.origins:
            return b""
        return b"Access-Control-Allow-Origin: %s\r\n%sTiming-Allow-Origin: %s\r\n" % (origin, EXPOSED, origin)

    def preflight(self, origin: bytes | None) -> bytes:
        """What the answer to a preflight says beyond `lines` and `more`."""
        return PREFLIGHT if self.everybody or origin in self.origins else b""


FOR_ALL = Cors(everybody=True)
LEFT = Cors()
