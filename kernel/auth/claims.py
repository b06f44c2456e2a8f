"""From a token's verified claims to a permit: our own (`mpath` and others), or those of URI Signing (RFC 9246).

`permit_of` decides once for each token what depends on neither time nor request; `Permit.allows` decides the rest at
every request. A claim that cannot be checked makes the token invalid.
"""

from __future__ import annotations

import hashlib
import ipaddress
import math
import re
from dataclasses import dataclass
from typing import Any

import re2

from kernel.auth.geo import is_country
from kernel.auth.signing_keys import decode_base64url
from kernel.http.paths import Target, normalise
from kernel.vocabulary import TIER_LINES, Refusal, Tier

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Claims = dict[str, Any]

MAX_PATTERN_LENGTH = 256
SESSION = re.compile(r"[\x21-\x7e]{1,128}", re.ASCII)
"""A session's id, by `fullmatch`."""
IAT_SKEW = 60
"""Seconds that `iat` may lie ahead, for an edge whose clock is behind; as much as a minted `nbf` gives."""
_MAX_TIME = 2**33  # the year 2242; milliseconds by mistake are beyond it

# RFC 9246 §2.1.9: each claim that cdnicrit names must be understood and processed. These are.
_PROCESSED = frozenset(("iss", "aud", "exp", "nbf", "iat", "cdniv", "cdniuc", "cdnistt", "cdniets", "cdnistd")) | {
    *("sid", "mpath", "country", "mtier", "ipnet")
}


@dataclass(frozen=True, slots=True)
class Permit:
    """The rights of a verified token: exactly one of `prefix`, `pattern`, `digest` is set.

    Times are seconds of the wall clock, `tier_lines` is the height of the highest rendition, `key_version` is that of
    the key set that verified the token.
    """

    prefix: bytes | None
    not_before: float
    expires: float
    session: str | None = None
    country: str | None = None
    tier_lines: int | None = None
    network: Network | None = None
    key_version: str = ""
    pattern: Any = None
    digest: bytes | None = None

    def allows(self, path: bytes, now: float, origin: bytes = b"") -> Refusal | None:
        """None when the normalised `path` may be fetched at `now`, without leeway; else why not.

        The prefix ends in `/`, so it holds whole segments. Foreign scopes (RFC 9246) are compared with the path and
        with the whole URI, `origin` (`https://host`) before it; the query is not part of what they cover here.
        """
        if not (path.startswith(self.prefix) if self.prefix is not None else self._covers(path, origin)):
            return Refusal.SCOPE
        if now >= self.expires:
            return Refusal.TOKEN_EXPIRED
        return Refusal.TOKEN_NOT_YET if now < self.not_before else None

    def _covers(self, path: bytes, origin: bytes) -> bool:
        for uri in (path, origin + path) if origin else (path,):
            if self.pattern is not None and self.pattern.fullmatch(uri) is not None:
                return True
            if self.digest is not None and hashlib.sha256(uri).digest() == self.digest:
                return True
        return False


ANYWHERE = Permit(prefix=b"/", not_before=-math.inf, expires=math.inf)
"""The permit of an edge that requires no tokens."""


class _Unacceptable(Exception):
    """A claim is wrong; never leaves this module."""


def permit_of(claims: Claims, *, key_version: str, issuer: str, audience: str) -> Permit | Refusal:
    """The permit of claims whose signature is good; Refusal.TOKEN_CLAIMS when one is wrong or cannot be checked."""
    try:
        _check_parties(claims, issuer, audience)
        _check_cdni(claims)
        expires = _moment(claims, "exp")
        if expires is None:
            return Refusal.TOKEN_CLAIMS
        starts = (_moment(claims, "nbf") or 0, (_moment(claims, "iat") or 0) - IAT_SKEW)
        prefix, pattern, digest = _scope(claims)
        return Permit(
            prefix=prefix,
            pattern=pattern,
            digest=digest,
            not_before=float(max(starts)),
            expires=float(expires),
            session=_session(claims),
            country=_country(claims),
            tier_lines=_tier_lines(claims),
            network=_network(claims),
            key_version=key_version,
        )
    except _Unacceptable:
        return Refusal.TOKEN_CLAIMS


def _text(claims: Claims, name: str) -> str | None:
    if name not in claims:
        return None
    value = claims[name]
    if not isinstance(value, str):
        raise _Unacceptable
    return value


def _moment(claims: Claims, name: str) -> int | None:
    """A NumericDate as a whole number; strings, fractions, booleans, negatives and the far future are refused."""
    if name not in claims:
        return None
    value = claims[name]
    if type(value) is not int or not 0 <= value < _MAX_TIME:
        raise _Unacceptable
    return value


def _check_parties(claims: Claims, issuer: str, audience: str) -> None:
    """`iss` and `aud` are one text each, compared whole; our own tokens bear both, foreign ones may leave them out."""
    ours = "mpath" in claims
    for name, expected in (("iss", issuer), ("aud", audience)):
        value = _text(claims, name)
        if value != expected and (ours or value is not None):
            raise _Unacceptable


def _check_cdni(claims: Claims) -> None:
    """The restricting claims of RFC 9246: a token that requires an unsupported one must be rejected.

    `jti` requires a store of used nonces (§2.1.7), `cdniip` a decryption key (§2.1.10); neither is supported. `cdnistt`
    other than 0 requires renewed tokens by cookie or query (§2.1.13), which a token in the path cannot give; playback
    would stop in the middle, so it is refused at the start. Without it, `cdniets` and `cdnistd` have no meaning and are
    ignored.
    """
    version = claims.get("cdniv", 1)
    if type(version) is not int or version != 1 or "jti" in claims or "cdniip" in claims:
        raise _Unacceptable
    for name in ("cdnistt", "cdniets", "cdnistd"):
        value = claims.get(name, 0)
        if type(value) is not int or value < 0 or (name == "cdnistt" and value):
            raise _Unacceptable
    critical = _text(claims, "cdnicrit")
    if critical is not None and not (_PROCESSED & claims.keys()).issuperset(critical.split(",")):
        raise _Unacceptable


def _scope(claims: Claims) -> tuple[bytes | None, Any, bytes | None]:
    """(prefix, pattern, digest), exactly one of them set: from `mpath`, or from `cdniuc` of RFC 9246; having both is an
    error."""
    prefix, container = _text(claims, "mpath"), _text(claims, "cdniuc")
    if prefix is not None and container is None and is_scope(prefix):
        return prefix.encode(), None, None
    if container is None or prefix is not None or not container.isascii():
        raise _Unacceptable
    form, _, value = container.partition(":")
    if form == "regex":
        return None, _pattern(value.encode()), None
    algorithm, _, text = value.partition(";")  # RFC 6920 §5
    digest = decode_base64url(text.encode()) if (form, algorithm) == ("hash", "sha-256") else None
    if digest is None or len(digest) != hashlib.sha256().digest_size:
        raise _Unacceptable
    return None, None, digest


def _pattern(text: bytes) -> Any:
    """A foreign expression by RE2: linear in the path's length, its program's memory bounded."""
    if not 0 < len(text) <= MAX_PATTERN_LENGTH:
        raise _Unacceptable
    options = re2.Options()
    options.max_mem = 1 << 20
    options.log_errors = False
    options.encoding = re2.Options.Encoding.LATIN1
    try:
        return re2.compile(text, options)
    except re2.error:
        raise _Unacceptable from None


def is_scope(prefix: str) -> bool:
    """Whether this can be a token's `mpath`: below /cdn/, in normal form, ending in `/`."""
    if not prefix.isascii() or not prefix.startswith("/cdn/") or not prefix.endswith("/"):
        return False
    raw = prefix.encode()
    return normalise(raw) == Target(raw, b"")


def _session(claims: Claims) -> str | None:
    session = _text(claims, "sid")
    if session is not None and not SESSION.fullmatch(session):
        raise _Unacceptable
    return session


def _country(claims: Claims) -> str | None:
    country = _text(claims, "country")
    if country is not None and not is_country(country):
        raise _Unacceptable
    return country


def _tier_lines(claims: Claims) -> int | None:
    tier = _text(claims, "mtier")
    if tier is None:
        return None
    if tier not in TIER_LINES:
        raise _Unacceptable
    return TIER_LINES[Tier(tier)]


def _network(claims: Claims) -> Network | None:
    text = _text(claims, "ipnet")
    try:
        return None if text is None else ipaddress.ip_network(text)
    except ValueError:
        raise _Unacceptable from None
