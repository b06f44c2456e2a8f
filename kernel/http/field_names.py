"""Request fields that are not passed on to the upstream unchanged."""

from __future__ import annotations

import re

ANSWERED_HERE = frozenset(
    (b"range", b"if-range", b"if-none-match", b"if-modified-since", b"if-match", b"if-unmodified-since")
)
"""Of a GET or HEAD: conditions and ranges are answered from the whole (RFC 9110 §13, §14)."""
NEVER_UPSTREAM = frozenset(
    (b"host", b"connection", b"keep-alive", b"proxy-connection", b"te", b"transfer-encoding", b"upgrade", b"trailer",
     b"expect", b"content-length", b"proxy-authorization", b"http2-settings", b"cdn-loop", b"via", b"x-forwarded-for")
)  # fmt: skip
"""Made by the edge itself, or ended here (RFC 9110 §7.6.1)."""

OUT_OF_REACH = frozenset(
    (b"connection", b"host", b"content-length", b"transfer-encoding", b"content-type", b"content-encoding", b"expect",
     b"cache-control", b"pragma", b"authorization", b"cookie", b"origin", b"date",
     b"via", b"cdn-loop", b"max-forwards", b"forwarded", b"x-forwarded-for")
)  # fmt: skip
"""Fields that Connection cannot remove: they are meant for all recipients (RFC 9110 §7.6.1).

Host, framing and Expect must be read alike before and after us, or requests can be smuggled. Cache-Control, Pragma and
credentials decide whether a response is shared. The rest is added by proxies before us: removing it would hide an
address, a country or a loop.
"""


def named_by(connection: bytes) -> set[bytes]:
    """The request fields that a Connection field ends here: before anything is decided by them, or a value that
    upstream never sees would choose the alternate that everybody gets (RFC 9110 §7.6.1, RFC 9111 §4.1)."""
    return {option.strip(b" \t") for option in connection.lower().split(b",")} - OUT_OF_REACH


OF_ONE_VIEWER = frozenset((b"authorization", b"cookie"))
"""Fields that make a response specific to one viewer if the upstream received them."""

_OVERRIDES = re.compile(
    rb"forwarded|client-ip|true-client-ip|front-end-https|base-url|request-uri|destination|proxy|translate"
    rb"|cf-(?:connecting-ip|visitor)|fastly-client-ip|x_.*|http_.*"
    rb"|x-(?:forward(?:ed)?|original|originating|rewrite|rewritten|http|method|host|url|uri|path|scheme|proto|protocol"
    rb"|server|port|ssl|https|real|remote|client|cluster|cluster-client|proxy|proxyuser|backend|backside|env|arr|wap"
    rb"|override|forwarder|true|custom-ip|appengine|azure|vhost|upstream|accel|sendfile|timer)(?:-.*)?"
    rb"|.+-(?:override|host|scheme|proto|protocol|url|uri|ip)"
)
"""Fields by which some programs let a request override its method, host, scheme, path or address. They are not part of
the key, so one sender could choose the response for everyone (cache poisoning, CPDoS by method override)."""


def is_override(name: bytes) -> bool:
    """Whether a request field (lower case) may make an origin answer something other than the key says."""
    return _OVERRIDES.fullmatch(name) is not None


def is_cmcd(name: bytes) -> bool:
    """Whether a request field is the player's word to the edge (CTA-5004)."""
    return name.startswith(b"cmcd-")
