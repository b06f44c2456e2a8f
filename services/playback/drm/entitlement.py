"""The entitlement token that a licence vendor checks: Axinom's public form, a JWT signed by a communication key. Pure.

https://docs.axinom.com/services/drm/license-service/license-service-message and /entitlement-message. The token lists
the keys that the licence may hold, each encrypted under the communication key, since they come from our own store.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from uuid import UUID

import jwt
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms
from cryptography.hazmat.primitives.ciphers.modes import ECB

from kernel.media.content_keys import ContentKey

HEADER = "X-AxDRM-Message"
TOKEN_SECONDS = 300.0
"""How long a token is valid: it travels from here to the vendor only."""
SECRET_BYTES = 32


@dataclass(frozen=True, slots=True)
class CommunicationKey:
    """The secret shared with the vendor, and its id there."""

    key_id: str
    secret: bytes = field(repr=False)


def read_communication_key(key_id: str, text: str) -> CommunicationKey:
    """Parse the vendor's id (a UUID) and the secret in base64. Raises ValueError, which shows no secret."""
    try:
        name = str(UUID(key_id))
    except ValueError:
        raise ValueError(f"{key_id[:40]!r} is not a UUID") from None
    try:
        secret = base64.b64decode(text.strip(), validate=True)
    except (binascii.Error, ValueError):
        secret = b""
    if len(secret) != SECRET_BYTES:
        raise ValueError(f"must hold {SECRET_BYTES} bytes in base64")
    return CommunicationKey(name, secret)


def make_entitlement(keys: Sequence[ContentKey], communication: CommunicationKey, now: float, expires: float) -> str:
    """A token for licences with these keys, until `expires` (Unix seconds), but TOKEN_SECONDS at most."""
    until = min(expires, now + TOKEN_SECONDS)
    inline = [
        {"id": str(UUID(hex=key.key_id)), "encrypted_key": _encrypted(key.key, communication.secret)} for key in keys
    ]
    message = {
        "type": "entitlement_message",
        "version": 2,
        "license": {"expiration_datetime": _date(expires), "allow_persistence": False},
        "content_keys_source": {"inline": inline},
    }
    envelope = {
        "version": 1,
        "com_key_id": communication.key_id,
        "begin_date": _date(now - TOKEN_SECONDS),
        "expiration_date": _date(until),
        "message": message,
    }
    return jwt.encode(envelope, communication.secret, algorithm="HS256")


def _encrypted(key: bytes, secret: bytes) -> str:
    # ECB of a single random block, as the vendor specifies: there is no pattern to see.
    encryptor = Cipher(algorithms.AES(secret), ECB()).encryptor()  # noqa: S305
    return base64.b64encode(encryptor.update(key) + encryptor.finalize()).decode()


def _date(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).isoformat(timespec="seconds")
