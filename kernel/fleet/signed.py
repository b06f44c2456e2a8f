"""The signature of each update: an edge can trust what it stored on disk without asking control.

It is an ECDSA signature (P-256, the key of the fleet's own authority) of a SHA-256 over every field of the update, each
preceded by its length, so that the form is unambiguous.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import replace

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed

from kernel.fleet.messages import Update

_LABEL = b"matinee fleet update 1"
_ALGORITHM = ec.ECDSA(Prehashed(hashes.SHA256()))


class NotSigned(ValueError):
    """An update's signature is missing or wrong."""


def statement(update: Update, edge: str = "") -> bytes:
    """The 32 bytes that are signed. `edge`: the recipient, if the update is for one edge only."""
    made = hashlib.sha256()
    for part in _parts(update, edge):
        made.update(b"%d:" % len(part))
        made.update(part)
    return made.digest()


def _parts(update: Update, edge: str) -> Iterator[bytes]:
    yield _LABEL
    yield edge.encode()
    yield update.type.encode()
    yield update.version.epoch.encode()
    yield b"%d %d %d" % (update.version.number, update.base, update.snapshot)
    yield b"%d %d" % (len(update.resources), len(update.removed))
    for resource in update.resources:
        yield resource.name.encode()
        yield b"%d" % resource.number
        yield resource.content
    for name in update.removed:
        yield name.encode()


def signed(update: Update, key: ec.EllipticCurvePrivateKey, edge: str = "") -> Update:
    """The update with its signature, which does not cover the nonce."""
    return replace(update, signature=key.sign(statement(update, edge), _ALGORITHM))


def check(update: Update, key: ec.EllipticCurvePublicKey, edge: str = "") -> None:
    """Raises NotSigned unless `key` has signed this very update for this edge."""
    try:
        key.verify(update.signature, statement(update, edge), _ALGORITHM)
    except InvalidSignature:
        what = "is not signed" if not update.signature else "has a wrong signature"
        raise NotSigned(f"{update.type} version {update.version.number} {what}") from None
