"""CORS (the Fetch standard): which pages of which origins may read a response. Pure; ready lines."""

from __future__ import annotations

from dataclasses import dataclass

from kernel.http.message import spelt

EXPOSED = (
    b"Access-Control-Expose-Headers: Accept-Ranges, Age, Cache-Status, CMSD-Static, CMSD-Dynamic, Content-Length, "
    b"Content-Range, Date, ETag, Retry-After\r\n"
)
READS = (
    b"authorization", b"cache-control", b"cmcd-object", b"cmcd-request", b"cmcd-session", b"cmcd-status", b"if-match",
    b"if-modified-since", b"if-none-match", b"if-range", b"if-unmodified-since", b"pragma", b"range", b"traceparent",
    b"tracestate", b"x-playback-session-id",
)  # fmt: skip
"""Request fields that a page may set: what the edge reads (Authorization is never covered by `*`), what players and
tracers send (CTA-5004 and 5004-A have the same four fields), and Apple's session id."""
MAX_AGE = b"Access-Control-Max-Age: 86400\r\n"
"""Browsers hold a preflight's answer for two hours to a day, whatever is said beyond that."""
REPLACED = frozenset(
    (b"access-control-allow-origin", b"access-control-allow-credentials", b"access-control-expose-headers",
     b"access-control-allow-methods", b"access-control-allow-headers", b"access-control-max-age",
     b"access-control-allow-private-network", b"timing-allow-origin")
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

    def preflight(
        self,
        origin: bytes | None,
        methods: bytes = b"GET, HEAD, OPTIONS",
        fields: frozenset[bytes] | None = frozenset(),
    ) -> bytes:
        """What the answer to a preflight says beyond `lines` and `more`; `fields`: those sent upstream, None for all.

        A page of a public site that asks into a private network is not let in by it: `Access-Control-Allow-Private-
        Network` is not ours to give, for we do not know whose network it is.
        """
        if not self.everybody and origin not in self.origins:
            return b""
        names = sorted(spelt(name) for name in {*READS, *(fields or ())}) + ([b"*"] if fields is None else [])
        allowed = b"Access-Control-Allow-Methods: %s\r\nAccess-Control-Allow-Headers: %s\r\n"
        return allowed % (methods, b", ".join(names)) + MAX_AGE


FOR_ALL = Cors(everybody=True)
LEFT = Cors()
