"""Access tokens of accounts: short-lived EdDSA JWTs that any service verifies by the public key alone. Pure."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import Any

import jwt
from cachetools import LRUCache

from kernel.auth.signing_keys import SigningKey

ISSUER = "matinee-accounts"
ACCESS_SECONDS = 900.0
LEEWAY_SECONDS = 30.0
MAX_TOKEN_LENGTH = 4096
MAX_VERIFIED = 50_000
"""Tokens whose signature is remembered."""
_ID = re.compile(r"[ap]-[0-9a-f]{24}", re.ASCII)


@dataclass(frozen=True, slots=True)
class AccessClaims:
    """What a verified access token says. `issued` and `expires` in Unix seconds; `family` names the log-in."""

    account_id: str
    profiles: tuple[str, ...]
    device_id: str
    family: str
    issued: float
    expires: float


class AccessTokens:
    """Signs and verifies with one Ed25519 key, which the processes of the services share by its file."""

    def __init__(self, key: SigningKey) -> None:
        if key.algorithm != "EdDSA":
            raise ValueError("access tokens are signed with an Ed25519 key")
        self._key = key
        self._public = key.material.public_key()
        self._verified: LRUCache[bytes, AccessClaims] = LRUCache(MAX_VERIFIED)

    def mint(self, claims: AccessClaims) -> str:
        """Sign the claims."""
        body = {
            "iss": ISSUER,
            "sub": claims.account_id,
            "pid": list(claims.profiles),
            "did": claims.device_id,
            "fam": claims.family,
            "iat": int(claims.issued),
            "exp": int(claims.expires),
        }
        return jwt.encode(body, self._key.material, algorithm="EdDSA", headers={"typ": "at+jwt"})

    def verify(self, token: str, now: float) -> AccessClaims | None:
        """The claims of a token that this key signed and that has not expired; None for any other text."""
        if len(token) > MAX_TOKEN_LENGTH:
            return None
        # A player sends the same token with every heartbeat: its signature is checked once, its times always.
        digest = hashlib.sha256(token.encode("utf-8", "surrogateescape")).digest()
        known = self._verified.get(digest)
        if known is not None:
            return known if known.expires + LEEWAY_SECONDS > now else None
        claims = self._verify_signature(token, now)
        if claims is not None:
            self._verified[digest] = claims
        return claims

    def _verify_signature(self, token: str, now: float) -> AccessClaims | None:
        try:
            # PyJWT compares with its own clock: times are checked below, by ours.
            options: Any = {"verify_exp": False, "verify_iat": False, "verify_nbf": False, "verify_aud": False}
            body = jwt.decode(token, self._public, algorithms=["EdDSA"], issuer=ISSUER, options=options)
        except jwt.PyJWTError:
            return None
        return _read_claims(body, now)


def _read_claims(body: dict[str, Any], now: float) -> AccessClaims | None:
    profiles, expires, issued = body.get("pid"), body.get("exp"), body.get("iat")
    if not (isinstance(expires, int) and isinstance(issued, int) and isinstance(profiles, list)):
        return None
    account, device, family = (str(body.get(name, "")) for name in ("sub", "did", "fam"))
    ids = [account, *profiles]
    if expires + LEEWAY_SECONDS <= now or not all(isinstance(one, str) and _ID.fullmatch(one) for one in ids):
        return None
    return AccessClaims(account, tuple(profiles), device, family, float(issued), float(expires))
