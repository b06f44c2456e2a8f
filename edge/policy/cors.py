"""CORS (the Fetch standard): which origins' pages may read a response. Pure; returns ready header lines."""

from __future__ import annotations

from dataclasses import dataclass

from kernel.http.message import spelt

EXPOSED_LINE = (
    b"Access-Control-Expose-Headers: Accept-Ranges, Age, Cache-Status, CMSD-Static, CMSD-Dynamic, Content-Length, "
    b"Content-Range, Date, ETag, Retry-After\r\n"
)
ALLOWED_FIELDS = (
    b"authorization", b"cache-control", b"cmcd-object", b"cmcd-request", b"cmcd-session", b"cmcd-status", b"if-match",
    b"if-modified-since", b"if-none-match", b"if-range", b"if-unmodified-since", b"pragma", b"range", b"traceparent",
    b"tracestate", b"x-playback-session-id",
)  # fmt: skip
"""Request fields that a page may set: those the edge reads (`*` never covers Authorization), those players and tracers
send (CTA-5004 and 5004-A share four fields), and Apple's session id."""
MAX_AGE_LINE = b"Access-Control-Max-Age: 86400\r\n"
"""Browsers cap this at two hours to a day."""
REPLACED_FIELDS = frozenset(
    (b"access-control-allow-origin", b"access-control-allow-credentials", b"access-control-expose-headers",
     b"access-control-allow-methods", b"access-control-allow-headers", b"access-control-max-age",
     b"access-control-allow-private-network", b"timing-allow-origin")
)  # fmt: skip
"""Upstream's fields that the edge's own replace."""


@dataclass(frozen=True, slots=True)
class Cors:
    """`any_origin`: any origin, without credentials. `origins`: only these. Neither: upstream's own fields pass
    through.
    """

    any_origin: bool = False
    origins: frozenset[bytes] = frozenset()

    @property
    def is_handled_here(self) -> bool:
        """Whether the edge answers CORS instead of upstream."""
        return self.any_origin or bool(self.origins)

    @property
    def replaced_fields(self) -> frozenset[bytes]:
        """Upstream's fields that ours replace."""
        return REPLACED_FIELDS if self.is_handled_here else frozenset()

    @property
    def header_lines(self) -> bytes:
        """The lines of every response. With a list of origins it varies, but the cache stores one response for all."""
        if self.any_origin:
            return b"Access-Control-Allow-Origin: *\r\n" + EXPOSED_LINE + b"Timing-Allow-Origin: *\r\n"
        return b"Vary: Origin\r\n" if self.origins else b""

    def lines_for_origin(self, origin: bytes | None) -> bytes:
        """The additional lines for a page of this origin."""
        if origin is None or origin not in self.origins:
            return b""
        return b"Access-Control-Allow-Origin: %s\r\n%sTiming-Allow-Origin: %s\r\n" % (origin, EXPOSED_LINE, origin)

    def preflight(
        self,
        origin: bytes | None,
        methods: bytes = b"GET, HEAD, OPTIONS",
        fields: frozenset[bytes] | None = frozenset(),
    ) -> bytes:
        """The lines of a preflight's response besides `header_lines` and `lines_for_origin`.

        `fields`: request fields sent upstream, None for all. `Access-Control-Allow-Private-Network` is never sent: a
        public site must not reach into a private network through an edge that cannot know whose network it is.
        """
        if not self.any_origin and origin not in self.origins:
            return b""
        names = sorted(spelt(name) for name in {*ALLOWED_FIELDS, *(fields or ())}) + ([b"*"] if fields is None else [])
        allowed = b"Access-Control-Allow-Methods: %s\r\nAccess-Control-Allow-Headers: %s\r\n"
        return allowed % (methods, b", ".join(names)) + MAX_AGE_LINE


ANY_ORIGIN = Cors(any_origin=True)
PASS_THROUGH = Cors()
