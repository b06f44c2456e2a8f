"""The key pair that signs viewers' tokens: created once; the public key set is rewritten at each start."""

from __future__ import annotations

import json
from pathlib import Path

from kernel.auth.signing_keys import generate_ed25519_pem, public_jwks
from kernel.errors import BadSettings
from system.durable_files import replace_file


def ensure_keys(key: Path, key_set: Path, kid: str) -> None:
    """Create the private key if absent, and write its public JWKS. Raises BadSettings for an unusable key."""
    for folder in (key.parent, key_set.parent):
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    if not key.exists():
        replace_file(key, generate_ed25519_pem())
    try:
        jwks = public_jwks(key.read_bytes(), kid)
    except (OSError, ValueError) as error:
        raise BadSettings(
            "state", f"the signing key {key} is not usable ({error}); FRESH=1 creates a new one"
        ) from None
    replace_file(key_set, json.dumps(jwks, indent=2).encode() + b"\n")
