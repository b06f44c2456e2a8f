"""Signing keys: a set of verifying keys out of a JWKS (RFC 7517), and private keys out of PEM files.

Every key is pinned to one algorithm: EdDSA over Ed25519, ES256, or HS256 with a secret of 32 bytes or more. Edges hold
public keys only; a private part in their JWKS is refused. All errors are ValueErrors that never show key material.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import jwt.algorithms
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

MAX_KEYS = 64
MAX_KID_LENGTH = 128
MIN_SECRET_LENGTH = 32
MAX_SECRET_LENGTH = 1024

_KID = re.compile(r"[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?", re.ASCII)
_BASE64URL = re.compile(rb"[A-Za-z0-9_-]+")
_PRIVATE_PARTS = frozenset(("d", "p", "q", "dp", "dq", "qi", "oth"))
_ALGORITHMS: dict[str, Any] = {
    "EdDSA": jwt.algorithms.OKPAlgorithm(),
    "Ed25519": jwt.algorithms.OKPAlgorithm(),  # RFC 9864's name for the same
    "ES256": jwt.algorithms.ECAlgorithm(jwt.algorithms.ECAlgorithm.SHA256),
    "HS256": jwt.algorithms.HMACAlgorithm(jwt.algorithms.HMACAlgorithm.SHA256),
}
_SIGNATURE_BYTES = {"EdDSA": 64, "Ed25519": 64, "ES256": 64, "HS256": 32}
_ALGORITHMS_OF = {
    ("OKP", "Ed25519"): ("EdDSA", "Ed25519"),
    ("EC", "P-256"): ("ES256",),
    ("oct", None): ("HS256",),
}


def decode_base64url(text: bytes) -> bytes | None:
    """The bytes of canonical base64url (RFC 7515 §2: no padding, unused bits zero); None for any other text."""
    if not _BASE64URL.fullmatch(text) or len(text) % 4 == 1:
        return None
    data = base64.urlsafe_b64decode(text + b"=" * (-len(text) % 4))
    return data if encode_base64url(data) == text else None


def encode_base64url(data: bytes) -> bytes:
    """Base64url without padding."""
    return base64.urlsafe_b64encode(data).rstrip(b"=")


@dataclass(frozen=True, slots=True)
class Key:
    """One verifying key, good for exactly one algorithm."""

    kid: str
    algorithm: str
    material: Any = field(repr=False)

    def verifies(self, message: bytes, signature: bytes) -> bool:
        """Whether `signature` (raw, as in a JWS) is this key's over `message`."""
        if len(signature) != _SIGNATURE_BYTES[self.algorithm]:
            return False
        if self.algorithm == "ES256" and not (any(signature[:32]) and any(signature[32:])):
            return False  # r and s of 0: the library refuses them too; CVE-2022-21449 says why to ask twice
        return bool(_ALGORITHMS[self.algorithm].verify(message, self.material, signature))


@dataclass(frozen=True, slots=True)
class KeySet:
    """An immutable set of verifying keys by kid.

    `version` changes whenever a key does. `unusable` describes the keys of the JWKS that were left out (another use or
    algorithm); a token that names one of them is refused like one that names an unknown key.
    """

    keys: Mapping[str, Key]
    version: str
    unusable: tuple[str, ...] = ()

    def find(self, kid: str) -> Key | None:
        """The key of exactly this name."""
        return self.keys.get(kid)

    def __len__(self) -> int:
        return len(self.keys)

    def __iter__(self) -> Iterator[Key]:
        return iter(self.keys.values())

    @classmethod
    def from_jwks(cls, jwks: object, version: str | None = None) -> KeySet:
        """The set of a parsed JWKS `{"keys": [...]}`.

        `version` is that of the resource if it has one, else a digest of the set. Raises ValueError naming the key: one
        malformed, short, private or duplicate key invalidates the whole set.
        """
        entries = jwks.get("keys") if isinstance(jwks, dict) else None
        if not isinstance(entries, list):
            raise ValueError('a key set is a JSON object with a list "keys"')  # noqa: TRY004 (bad input, not a bad call)
        if len(entries) > MAX_KEYS:
            raise ValueError(f"a key set holds at most {MAX_KEYS} keys, this one has {len(entries)}")
        keys: dict[str, Key] = {}
        unusable: dict[str, str] = {}
        for number, entry in enumerate(entries, 1):
            kid = _kid(entry, number)
            if kid in keys or kid in unusable:
                raise ValueError(f"two keys have the kid {kid!r}")
            found = _key(kid, entry)
            if isinstance(found, Key):
                keys[kid] = found
            else:
                unusable[kid] = f"key {kid!r}: {found}"
        if entries and not keys:
            raise ValueError("no key of the set can verify a token: " + "; ".join(unusable.values()))
        return cls(keys, version if version is not None else _digest(entries), tuple(unusable.values()))

    @classmethod
    def from_json(cls, text: str | bytes, version: str | None = None) -> KeySet:
        """The set of a JWKS as text; ValueError when it is no JSON or no key set."""
        try:
            jwks = json.loads(text)
        except (ValueError, RecursionError):
            raise ValueError("a key set must be JSON") from None
        return cls.from_jwks(jwks, version)


NO_KEYS = KeySet({}, "none")
"""The set before any was received: nothing verifies."""


def _digest(entries: list[Any]) -> str:
    ordered = sorted(json.dumps(entry, sort_keys=True) for entry in entries)
    return hashlib.sha256("\n".join(ordered).encode()).hexdigest()[:16]


def check_kid(kid: object) -> str:
    """`kid` itself when it can name a key (printable ASCII, bounded); ValueError otherwise."""
    if not isinstance(kid, str) or len(kid) > MAX_KID_LENGTH or not _KID.fullmatch(kid):
        raise ValueError(f"a kid is 1 to {MAX_KID_LENGTH} printable ASCII characters")
    return kid


def _kid(entry: object, number: int) -> str:
    if not isinstance(entry, dict):
        raise ValueError(f"key {number} of the set is not a JSON object")  # noqa: TRY004 (bad input)
    if "kid" not in entry:
        raise ValueError(f"key {number} of the set has no kid")
    try:
        return check_kid(entry["kid"])
    except ValueError as error:
        raise ValueError(f"key {number} of the set: {error}") from None


def _key(kid: str, entry: Mapping[str, Any]) -> Key | str:
    """The key of one JWK, or why it cannot verify tokens; ValueError when it is wrong in itself."""
    kty = entry.get("kty")
    if kty != "oct" and _PRIVATE_PARTS & entry.keys():
        raise ValueError(f"key {kid!r} holds a private part; an edge's key set has public keys only")
    algorithms = _ALGORITHMS_OF.get((str(kty), None if kty == "oct" else str(entry.get("crv"))))
    if algorithms is None:
        return "only Ed25519, P-256 and oct keys are supported"
    if entry.get("use", "sig") != "sig":
        return "its use is not `sig`"
    if "key_ops" in entry:
        operations = entry["key_ops"]
        if not isinstance(operations, list) or "verify" not in operations:
            return "its key_ops do not name `verify`"
    algorithm = entry.get("alg", algorithms[0])
    if algorithm not in algorithms:
        return f"its alg is not {' or '.join(algorithms)}"
    if kty == "oct":
        return Key(kid, algorithm, _secret(kid, entry))
    return Key(kid, algorithm, _public(kid, entry, _ALGORITHMS[algorithm]))


def _secret(kid: str, entry: Mapping[str, Any]) -> bytes:
    secret = _member(kid, entry, "k")
    try:
        check_secret(secret)
    except ValueError as error:
        raise ValueError(f"key {kid!r}: {error}") from None
    return secret


def check_secret(secret: bytes) -> None:
    """ValueError when this cannot be an HS256 secret: too short (RFC 7518 §3.2), too long, one byte only, or a PEM."""
    if len(secret) < MIN_SECRET_LENGTH:
        raise ValueError(f"an HS256 secret has at least {MIN_SECRET_LENGTH} bytes, this one has {len(secret)}")
    if len(secret) > MAX_SECRET_LENGTH:
        raise ValueError(f"an HS256 secret has at most {MAX_SECRET_LENGTH} bytes")
    if len(set(secret)) == 1:
        raise ValueError("an HS256 secret is not one byte repeated")
    if b"-----BEGIN" in secret:
        raise ValueError("a PEM key is no HS256 secret")


def _public(kid: str, entry: Mapping[str, Any], algorithm: Any) -> Any:
    for name in ("x",) if entry["kty"] == "OKP" else ("x", "y"):
        if len(_member(kid, entry, name)) != 32:
            raise ValueError(f"key {kid!r}: `{name}` is not 32 bytes long")
    try:
        return algorithm.from_jwk({name: entry[name] for name in ("kty", "crv", "x", "y") if name in entry})
    except (jwt.InvalidKeyError, ValueError):
        raise ValueError(f"key {kid!r} is not a point of its curve") from None


def _member(kid: str, entry: Mapping[str, Any], name: str) -> bytes:
    text = entry.get(name)
    data = decode_base64url(text.encode()) if isinstance(text, str) and text.isascii() else None
    if data is None:
        raise ValueError(f"key {kid!r}: `{name}` is missing or not canonical base64url")
    return data


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A private key (or an HS256 secret) with its algorithm; the repr hides it."""

    algorithm: str
    material: Any = field(repr=False)

    def sign(self, message: bytes) -> bytes:
        """The raw JWS signature over `message`."""
        return bytes(_ALGORITHMS[self.algorithm].sign(message, self.material))

    @classmethod
    def from_pem(cls, pem: bytes) -> SigningKey:
        """An Ed25519 or P-256 private key in PEM, not encrypted; ValueError otherwise."""
        try:
            key = serialization.load_pem_private_key(pem, password=None)
        except TypeError:
            raise ValueError("the PEM file is encrypted; a key without a passphrase is needed") from None
        except (ValueError, UnsupportedAlgorithm):
            raise ValueError("this is not a private key in PEM form") from None
        if isinstance(key, ed25519.Ed25519PrivateKey):
            return cls("EdDSA", key)
        if isinstance(key, ec.EllipticCurvePrivateKey) and isinstance(key.curve, ec.SECP256R1):
            return cls("ES256", key)
        raise ValueError("only Ed25519 and EC P-256 private keys can sign tokens")

    @classmethod
    def from_secret(cls, secret: bytes) -> SigningKey:
        """A raw HS256 secret; ValueError when it is too short."""
        check_secret(secret)
        return cls("HS256", secret)

    def public_jwk(self, kid: str) -> dict[str, Any]:
        """The public JWK for this signing key. Raises ValueError for a shared secret, which has no public part."""
        if self.algorithm == "HS256":
            raise ValueError("an HS256 secret has no public part")
        jwk = _ALGORITHMS[self.algorithm].to_jwk(self.material.public_key(), as_dict=True)
        shown = {name: jwk[name] for name in ("kty", "crv", "x", "y") if name in jwk}
        return shown | {"kid": check_kid(kid), "use": "sig", "alg": self.algorithm}


def public_jwks(private_pem: bytes, kid: str) -> dict[str, Any]:
    """The JWKS `{"keys": [...]}` with the public part of a private PEM key."""
    return {"keys": [SigningKey.from_pem(private_pem).public_jwk(kid)]}


def generate_ed25519_pem() -> bytes:
    """A new Ed25519 private key, PKCS#8 PEM; keep it in a file of mode 0600."""
    return ed25519.Ed25519PrivateKey.generate().private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
