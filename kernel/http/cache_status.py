"""Cache-Status (RFC 9211): how each cache on the way handled the request."""

from __future__ import annotations

from kernel.http.message import TOKEN


def cache_name(name: str) -> bytes:
    """A cache's name as a structured-field token, or a string where it is none (RFC 9211 §2)."""
    raw = bytes(byte if 0x20 <= byte < 0x7F else 0x3F for byte in name.encode("ascii", "replace"))
    if TOKEN.fullmatch(raw) and (raw[:1].isalpha() or raw[:1] == b"*"):
        return raw
    return b'"' + raw.replace(b"\\", b"\\\\").replace(b'"', b'\\"') + b'"'


def hit(name: bytes, ttl: int, detail: bytes = b"") -> bytes:
    """`e1; hit; ttl=17`; a negative ttl is a stale hit (§2.1, §2.5)."""
    return b"%s; hit; ttl=%d%s" % (name, ttl, b"; detail=" + detail if detail else b"")


def forwarded(
    name: bytes,
    why: bytes,
    *,
    status: int | None = None,
    stored: bool = False,
    collapsed: bool = False,
    detail: bytes = b"",
) -> bytes:
    """`e1; fwd=uri-miss; stored`; `why` is one of §2.2's words."""
    parts = [name, b"fwd=" + why]
    if status is not None:
        parts.append(b"fwd-status=%d" % status)
    if stored:
        parts.append(b"stored")
    if collapsed:
        parts.append(b"collapsed")
    if detail:
        parts.append(b"detail=" + detail)
    return b"; ".join(parts)


def chained(upstream: bytes | None, own: bytes) -> bytes:
    """The Cache-Status list with our member last (§2): members of caches nearer to the origin come first."""
    return upstream + b", " + own if upstream else own
