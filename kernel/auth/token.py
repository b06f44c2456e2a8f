"""Viewers' tokens: compact JWS (RFC 7515, 7519), verified and minted. kernel.auth.claims has the meaning of the claims.

PyJWT checks the signatures (see kernel.auth.signing_keys). The framing is strict and our own: only one spelling of a
token is accepted, and nothing in a token can name, bring or change a key.
"""

from __future__ import annotations

import ipaddress
import json
from typing import Any

from kernel.auth.claims import ANYWHERE, SESSION, Permit, is_scope, permit_of
from kernel.auth.geo import is_country
from kernel.auth.signing_keys import MAX_KID_LENGTH, KeySet, SigningKey, check_kid, decode_base64url, encode_base64url
from kernel.vocabulary import TIER_LINES, Refusal

__all__ = ["ANYWHERE", "MAX_TOKEN_LENGTH", "MAX_TTL", "NBF_BEFORE", "NotMintable", "Permit", "mint", "sign", "verify"]

MAX_TOKEN_LENGTH = 8192
NBF_BEFORE = 60
"""Seconds that a minted token is valid before now, for an edge whose clock is behind: edges give no leeway."""
MAX_TTL = 366 * 86400

# Header members that name, bring or change a key, or ask for what is not done here: any `crit`, nesting, compression.
_HEADER_REFUSED = frozenset(("jku", "jwk", "x5u", "x5c", "x5t", "x5t#S256", "crit", "b64", "zip", "enc", "epk", "cty"))


def verify(token: bytes | str, keys: KeySet, *, issuer: str = "matinee", audience: str = "edge") -> Permit | Refusal:
    """The permit of a token with a valid signature and valid claims, without regard to time; never raises.

    Else TOKEN_MALFORMED, TOKEN_KEY, TOKEN_SIGNATURE or TOKEN_CLAIMS. Claims are read only after the signature is
    verified.
    """
    raw = token.encode("utf-8", "replace") if isinstance(token, str) else token
    if len(raw) > MAX_TOKEN_LENGTH or raw.count(b".") != 2:  # a JWE has five parts
        return Refusal.TOKEN_MALFORMED
    header_part, claims_part, signature_part = raw.split(b".")
    header, signature = _json_object(decode_base64url(header_part)), decode_base64url(signature_part)
    if header is None or signature is None or decode_base64url(claims_part) is None:
        return Refusal.TOKEN_MALFORMED
    if _HEADER_REFUSED & header.keys() or header.get("typ", "JWT") != "JWT":
        return Refusal.TOKEN_MALFORMED
    kid = header.get("kid")
    key = keys.find(kid) if isinstance(kid, str) and len(kid) <= MAX_KID_LENGTH else None
    if key is None or header.get("alg") != key.algorithm:
        return Refusal.TOKEN_KEY
    if not key.verifies(header_part + b"." + claims_part, signature):
        return Refusal.TOKEN_SIGNATURE
    claims = _json_object(decode_base64url(claims_part))
    if claims is None:
        return Refusal.TOKEN_CLAIMS
    return permit_of(claims, key_version=keys.version, issuer=issuer, audience=audience)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a member stands twice")
    return members


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


# Built once: duplicate members at any depth, NaN and Infinity are refused.
_DECODER = json.JSONDecoder(object_pairs_hook=_once, parse_constant=_no_constant)


def _json_object(data: bytes | None) -> dict[str, Any] | None:
    """A JSON object (RFC 8259) in UTF-8; None for anything else."""
    if data is None:
        return None
    try:
        found = _DECODER.decode(data.decode("utf-8"))
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


class NotMintable(ValueError):
    """An argument of `mint` that no token can carry: its name, and why in words."""

    def __init__(self, argument: str, why: str) -> None:
        super().__init__(why)
        self.argument = argument


def mint(
    key: SigningKey | bytes,
    kid: str,
    *,
    path: str,
    now: float,
    ttl: float,
    session: str | None = None,
    country: str | None = None,
    tier: str | None = None,
    network: str | None = None,
    issuer: str = "matinee",
    audience: str = "edge",
) -> str:
    """A signed token for everything below `path` (`/cdn/<region>/<contentId>/`), for `ttl` seconds from `now`.

    `key` is a SigningKey or a private key's PEM. `network` is an address or CIDR network, `tier` one of sd, hd, uhd.
    NotMintable names the argument that is wrong; ValueError a key that cannot sign.
    """
    signer = SigningKey.from_pem(key) if isinstance(key, bytes) else key
    if not is_scope(path):
        raise NotMintable("path", f"{path!r} is not of the form /cdn/<region>/<contentId>/, with the slash at the end")
    if not 1 <= ttl <= MAX_TTL:
        raise NotMintable("ttl", f"{ttl:g} s is not between 1 second and {MAX_TTL // 86400} days")
    try:
        header = {"alg": signer.algorithm, "kid": check_kid(kid), "typ": "JWT"}
    except ValueError as error:
        raise NotMintable("kid", str(error)) from None
    claims: dict[str, Any] = {"iss": issuer, "aud": audience, "cdniv": 1, "mpath": path}
    claims |= {"iat": int(now), "nbf": max(0, int(now) - NBF_BEFORE), "exp": int(now + ttl)}
    limits = {"session": session, "country": country, "tier": tier, "network": network}
    claims |= {_CLAIM_OF[name]: _limit(name, value) for name, value in limits.items() if value is not None}
    return sign(header, claims, signer)


_CLAIM_OF = {"session": "sid", "country": "country", "tier": "mtier", "network": "ipnet"}


def _limit(argument: str, value: str) -> str:
    """An optional argument as its claim is written; NotMintable otherwise."""
    if argument == "session" and not SESSION.fullmatch(value):
        raise NotMintable(argument, "a session is 1 to 128 printable ASCII characters without spaces")
    if argument == "country" and not is_country(value):
        raise NotMintable(argument, f"{value!r} is not a two-letter country code in capitals (ISO 3166)")
    if argument == "tier" and value not in TIER_LINES:
        raise NotMintable(argument, f"{value!r} is not one of {', '.join(TIER_LINES)}")
    if argument == "network":
        try:
            return str(ipaddress.ip_network(value))
        except ValueError as error:
            raise NotMintable(argument, f"{value!r} is not an address or CIDR network: {error}") from None
    return str(value)


def sign(header: dict[str, Any], claims: dict[str, Any], key: SigningKey) -> str:
    """Header and claims as given, in compact JWS form."""
    parts = [encode_base64url(json.dumps(part, separators=(",", ":")).encode()) for part in (header, claims)]
    message = b".".join(parts)
    return (message + b"." + encode_base64url(key.sign(message))).decode("ascii")
