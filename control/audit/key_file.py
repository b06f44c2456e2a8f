"""The audit keys' file: mode 0600, made at the first start, one key a line.

The first key seals new rows; the others verify rows that were sealed with them.
"""

from __future__ import annotations

import secrets
from pathlib import Path

from control.audit.chain import BadKey, Keyring
from kernel.errors import BadSettings
from system.durable_files import create_file
from system.private_files import read_secret

SETTING = "audit_key_file"
MIN_LENGTH = 32
MAX_BYTES = 64 << 10


def open_keyring(path: Path) -> Keyring:
    """Read the audit keys, making the file if it does not exist. Raises BadSettings."""
    try:
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            create_file(path, f"{secrets.token_urlsafe(48)}\n".encode())
        return _read(path)
    except OSError as error:
        raise BadSettings(SETTING, f"{path} cannot be read or made: {error.strerror}") from None


def _read(path: Path) -> Keyring:
    lines = [line.strip() for line in read_secret(path, SETTING, MAX_BYTES).splitlines() if line.strip()]
    if any(len(line) < MIN_LENGTH for line in lines):
        raise BadSettings(SETTING, f"{path}: a key has at least {MIN_LENGTH} characters, one key a line")
    try:
        return Keyring.of(lines)
    except BadKey as error:
        raise BadSettings(SETTING, f"{path}: {error}") from None
