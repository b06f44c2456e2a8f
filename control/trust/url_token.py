"""Split a viewer's token off a URL, and judge the token by the fleet's keys. Pure.

Control sends no node a viewer's token, which would be valid at every other edge too.
"""

from __future__ import annotations

import re
from typing import Any, NamedTuple
from urllib.parse import unquote, urlsplit, urlunsplit

from kernel.auth.claims import Permit
from kernel.auth.signing_keys import KeySet
from kernel.auth.token import verify
from kernel.http.paths import normalise
from kernel.vocabulary import REFUSAL_SENTENCES, REFUSAL_STATUS, Refusal

NAMES = ("URISigningPackage", "token")
"""Query parameters that carry a token (RFC 9246 §3)."""
_FOLDER = re.compile(r"\A/+t/([^/]*)(?=/|\Z)")
# The lookbehind starts a match only at the start of a run of letters: trying every letter would take quadratic time.
_JWT = re.compile(r"(?<![A-Za-z0-9_-])[A-Za-z0-9_-]{8,}+\.[A-Za-z0-9_-]{8,}+\.[A-Za-z0-9_-]*+")


class SplitUrl(NamedTuple):
    """A URL without its tokens, and the first token that it had ("": none)."""

    bare: str
    token: str


def split_url(url: str) -> SplitUrl:
    """Split off everything that is, or looks like, a token. Raises ValueError if this is not a URL."""
    parts = urlsplit("/" + url.lstrip("/") if url.startswith("/") else url)
    folder = _FOLDER.match(parts.path)
    found = [folder[1]] if folder else []
    path = (parts.path[folder.end() :] if folder else parts.path) or "/"
    kept = []
    for pair in parts.query.split("&") if parts.query else []:
        name, _, value = pair.partition("=")
        if unquote(name) in NAMES:
            found.append(value)
        else:
            kept.append(pair)
    bare = urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], path, "&".join(kept), ""))
    return SplitUrl(_JWT.sub("", bare), found[0] if found else "")


def token_json(token: str, url: str, keys: KeySet, now: float, revoked: frozenset[str]) -> dict[str, Any] | None:
    """The verdict of the fleet's keys on a token for a bare URL, as the API shows it; None without a token."""
    if not token:
        return None
    permit = verify(token, keys)
    if isinstance(permit, Refusal):
        return _refused(permit)
    path = normalise(urlsplit(url).path.encode())
    why = path if isinstance(path, Refusal) else _why_not(permit, path.path, now, revoked)
    claims = {"session": permit.session, "country": permit.country, "tierLines": permit.tier_lines}
    return claims | {"expires": permit.expires} | (_refused(why) if why is not None else {})


def _why_not(permit: Permit, path: bytes, now: float, revoked: frozenset[str]) -> Refusal | None:
    if permit.session in revoked:
        return Refusal.TOKEN_REVOKED
    return permit.allows(path, now)


def _refused(why: Refusal) -> dict[str, Any]:
    return {"refused": why.value, "status": REFUSAL_STATUS[why], "sentence": REFUSAL_SENTENCES[why]}
