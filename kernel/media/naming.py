"""Resolves references from an object of a title: the URIs of a playlist, the next object of CMCD. Pure."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from kernel.http.paths import CdnPath, Target, normalise, split_cdn, split_token
from kernel.vocabulary import Refusal

MAX_REFERENCE_LENGTH = 2_048
"""Characters of a reference; a longer one names nothing."""

_PLAIN = re.compile(r"[\x21-\x5b\x5d-\x7e]+")


def within_title(path: bytes, reference: str) -> tuple[CdnPath, Target] | None:
    """Resolve `reference` from the normalised `path` (`/cdn/<region>/<contentId>/…`); the result has no token.

    None unless it is surely of the same title and region: for another host or scheme, another title, a path above the
    root, or one without a normal form. Dot segments are resolved (RFC 3986 §5.2.4), escaped ones are not.
    """
    if not 0 < len(reference) <= MAX_REFERENCE_LENGTH or not _PLAIN.fullmatch(reference):
        return None
    try:
        parts = urlsplit(reference)
    except ValueError:
        return None
    if parts.scheme or parts.netloc or reference.startswith("//"):
        return None
    found = parts.path.encode("ascii")
    if found.startswith(b"/"):
        _, found = split_token(found)
    elif found:
        found = path[: path.rfind(b"/") + 1] + found
    else:
        found = path
    joined = _without_dots(found)
    normal = normalise(joined + b"?" + parts.query.encode("ascii")) if joined is not None else Refusal.PATH
    if isinstance(normal, Refusal):
        return None
    own, cdn = split_cdn(path), split_cdn(normal.path)
    if isinstance(own, Refusal) or isinstance(cdn, Refusal):
        return None
    if (own.content_id, own.region) != (cdn.content_id, cdn.region):
        return None
    return cdn, normal


def _without_dots(path: bytes) -> bytes | None:
    kept: list[bytes] = []
    for part in path[1:].split(b"/"):
        if part == b"..":
            if not kept:
                return None
            kept.pop()
        elif part != b".":
            kept.append(part)
    return b"/" + b"/".join(kept)
