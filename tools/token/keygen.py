"""`matinee token keygen`: generate an Ed25519 signing key, and its key set (JWKS) for the edges."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kernel.auth.signing_keys import KeySet, check_kid, generate_ed25519_pem, public_jwks
from kernel.errors import BadSettings
from kernel.settings.table import PATH, SWITCH, TEXT, setting
from system.durable_files import replace_file


@dataclass(frozen=True, slots=True)
class KeygenSettings:
    """`matinee token keygen`."""

    out: Path = setting(PATH, None, "File for the private key (PEM, mode 0600); must not exist yet.", required=True)
    kid: str = setting(TEXT, None, "Name of the key in tokens and key sets.", required=True)
    jwks: Path = setting(PATH, None, "Key set (JWKS) for the edges; holds the public key only.", required=True)
    add: bool = setting(SWITCH, "off", "Add the key to an existing key set, as a rotation needs: both stay valid.")


SETTINGS = KeygenSettings


def run(settings: KeygenSettings) -> int:
    """Generate the key. Writes the key set first, so that no token exists that no edge can verify."""
    try:
        check_kid(settings.kid)
    except ValueError as error:
        raise BadSettings("kid", str(error)) from None
    if os.path.lexists(settings.out):
        raise BadSettings("out", "exists already; a private key is never overwritten", f"file {settings.out}")
    pem = generate_ed25519_pem()
    jwks = public_jwks(pem, settings.kid)
    if settings.add:
        jwks["keys"] = _present(settings.jwks) + jwks["keys"]
        try:
            KeySet.from_jwks(jwks)
        except ValueError as error:
            raise BadSettings("jwks", str(error), f"file {settings.jwks}") from None
    elif os.path.lexists(settings.jwks):
        raise BadSettings("jwks", "exists already; use --add to add the new key to it", f"file {settings.jwks}")
    _write(settings.jwks, (json.dumps(jwks, indent=2) + "\n").encode(), 0o644, "jwks")
    _write(settings.out, pem, 0o600, "out")
    print(f"private key {settings.out}\npublic keys {settings.jwks}", flush=True)
    return 0


def _present(file: Path) -> list[Any]:
    try:
        text = file.read_text(encoding="utf-8")
        KeySet.from_json(text)
    except OSError as error:
        raise BadSettings("jwks", f"cannot be read: {error.strerror}", f"file {file}") from None
    except ValueError as error:
        raise BadSettings("jwks", str(error), f"file {file}") from None
    return list(json.loads(text)["keys"])


def _write(file: Path, content: bytes, mode: int, name: str) -> None:
    try:
        replace_file(file, content, mode=mode, concurrent=True)
    except OSError as error:
        raise BadSettings(name, f"cannot be written: {error.strerror}", f"file {file}") from None
