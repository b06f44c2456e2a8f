"""The keys of TLS session tickets: made from a secret and the time, so all who share the secret have the same ones
without talking to one another. Pure."""

from __future__ import annotations

import hashlib
import hmac

PERIOD_SECONDS = 12 * 3600.0
"""How long keys are in force. A stolen key opens the tickets of one period."""
MIN_SECRET_BYTES = 32
_SIZE = 80


def period_of(wall: float) -> int:
    """The number of the period at this time (Unix seconds)."""
    return int(wall // PERIOD_SECONDS)


def seconds_left(wall: float) -> float:
    """Seconds until the next period."""
    return (period_of(wall) + 1) * PERIOD_SECONDS - wall


def keys_of(secret: bytes, period: int) -> bytes:
    """80 bytes of keys for one period (HKDF-SHA256, RFC 5869; the secret is its input, the period its info)."""
    extracted = hmac.new(b"matinee session tickets", secret, hashlib.sha256).digest()
    made, block = b"", b""
    for number in range(1, 4):
        block = hmac.new(extracted, block + b"%d" % period + bytes((number,)), hashlib.sha256).digest()
        made += block
    return made[:_SIZE]
