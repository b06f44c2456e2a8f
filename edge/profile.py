"""What `--profile` means: methods, cache key, what goes upstream, what comes back changed.

`media` is the CDN's: an allow-list upstream, the path as the key, CORS for players. `general` is an HTTP cache for
anything: every method and field passed on, the host and the whole target as the key.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from kernel.http.freshness import GENERAL, MEDIA, KeepPolicy
from kernel.http.message import Fields

_ANSWERED_HERE = frozenset(
    (b"range", b"if-range", b"if-none-match", b"if-modified-since", b"if-match", b"if-unmodified-since")
)
"""Of a GET or HEAD: conditions and ranges are answered from the whole (RFC 9111 §4.3, §14)."""
_NEVER_UPSTREAM = frozenset(
    (b"host", b"connection", b"keep-alive", b"proxy-connection", b"te", b"transfer-encoding", b"upgrade", b"trailer",
     b"expect", b"content-length", b"proxy-authorization", b"cdn-loop", b"via", b"x-forwarded-for")
)  # fmt: skip
"""Made by the edge itself, or ended here (RFC 9110 §7.6.1)."""

_ENDED_HERE = frozenset((b"authorization", b"cache-control"))
"""Where there is an allow-list: the token is the edge's own, and a viewer must not keep answers from the others."""

_FOR_PLAYERS = (
    b"Access-Control-Allow-Origin: *\r\n"
    b"Access-Control-Expose-Headers: Age, Cache-Status, CMSD-Static, CMSD-Dynamic, Content-Length, Content-Range, "
    b"Date, ETag\r\n"
    b"Timing-Allow-Origin: *\r\n"
    b"Referrer-Policy: no-referrer\r\n"
    b"X-Content-Type-Options: nosniff\r\n"
)


@dataclass(frozen=True, slots=True)
class Profile:
    """One profile. `lines`: ready header lines of every response; `drops`: upstream's fields that these replace."""

    name: str
    keeps: KeepPolicy
    methods: frozenset[bytes] | None
    asks_with: frozenset[bytes] | None
    lines: bytes
    drops: frozenset[bytes]
    body: int

    def judged_by(self, request: Mapping[bytes, bytes]) -> Mapping[bytes, bytes]:
        """The fields that count when an answer is judged: what ended at the edge cannot have made it one viewer's."""
        if self.asks_with is None:
            return request
        return {name: value for name, value in request.items() if name not in _ENDED_HERE}

    def upstream_fields(self, request: Mapping[bytes, bytes], *, retrieves: bool = True) -> Fields:
        """Which of the viewer's fields the upstream sees. `retrieves`: a GET or HEAD, which we answer by the whole."""
        if self.asks_with is not None:
            return [(name, request[name]) for name in self.asks_with if name in request]
        named = {part.strip().lower() for part in request.get(b"connection", b"").split(b",")}
        ended = _NEVER_UPSTREAM | _ANSWERED_HERE if retrieves else _NEVER_UPSTREAM
        return [pair for pair in request.items() if pair[0] not in ended and pair[0] not in named]


PROFILES = {
    "media": Profile(
        name="media",
        keeps=MEDIA,
        methods=frozenset((b"GET", b"HEAD", b"OPTIONS")),
        asks_with=frozenset((b"traceparent", b"tracestate")),
        lines=_FOR_PLAYERS,
        drops=frozenset(
            (b"access-control-allow-origin", b"access-control-allow-credentials", b"access-control-expose-headers",
             b"access-control-allow-methods", b"access-control-allow-headers", b"timing-allow-origin",
             b"referrer-policy", b"x-content-type-options", b"set-cookie", b"server", b"accept-ranges")
        ),
        body=0,
    ),
    "general": Profile(
        name="general",
        keeps=GENERAL,
        methods=None,
        asks_with=None,
        lines=b"",
        drops=frozenset((b"accept-ranges",)),
        body=16 << 20,
    ),
}  # fmt: skip


def with_default_freshness(profile: Profile, seconds: int) -> Profile:
    """The profile, with responses that say nothing of freshness kept for `seconds`."""
    return replace(profile, keeps=replace(profile.keeps, default=seconds))
