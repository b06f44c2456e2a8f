"""The key pair that signs viewers' tokens on this machine: made once, the public set written from it at each start."""

from __future__ import annotations

import json
import os
from pathlib import Path

from kernel.auth.signing_keys import generate_ed25519_pem, public_jwks
from kernel.errors import BadSettings


def write_private(path: Path, data: bytes) -> None:
    """Write a file of mode 0600 whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    part = path.with_name(path.name + ".part")
    part.unlink(missing_ok=True)
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)


def ensure_keys(key: Path, key_set: Path, kid: str) -> None:
    """Make the private key where there is none; write its public JWKS. BadSettings for a key that cannot be used."""
    if not key.exists():
        write_private(key, generate_ed25519_pem())
    try:
        jwks = public_jwks(key.read_bytes(), kid)
    except (OSError, ValueError) as error:
        raise BadSettings("state", f"the signing key {key} cannot be used ({error}); FRESH=1 makes a new one") from None
    write_private(key_set, json.dumps(jwks, indent=2).encode() + b"\n")
