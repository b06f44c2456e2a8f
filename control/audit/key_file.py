"""The file of audit keys, mode 0600, made at first start: one a line, the first in use, others verify older rows."""

from __future__ import annotations

import os
import secrets
import stat
from pathlib import Path

from control.audit.chain import BadKey, Keyring
from kernel.errors import BadSettings
from system.durable_files import create_file

SETTING = "audit_key_file"
MIN_LENGTH = 32
MAX_BYTES = 64 << 10


def open_keyring(path: Path) -> Keyring:
    """The keys in the file, which is made when there is none. Raises BadSettings."""
    try:
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            create_file(path, f"{secrets.token_urlsafe(48)}\n".encode())
        return _read(path)
    except OSError as error:
        raise BadSettings(SETTING, f"{path} cannot be read or made: {error.strerror}") from None


def _read(path: Path) -> Keyring:
    with os.fdopen(os.open(path, os.O_RDONLY | os.O_CLOEXEC), "rb") as file:
        mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
        lines = [line.strip() for line in file.read(MAX_BYTES).splitlines()]
    if mode & 0o077:
        raise BadSettings(SETTING, f"{path} has mode {mode:04o}: others can read the key; make it 0600")
    found = [line for line in lines if line]
    if any(len(line) < MIN_LENGTH for line in found):
        raise BadSettings(SETTING, f"{path}: a key has at least {MIN_LENGTH} characters, one key a line")
    try:
        return Keyring.of(found)
    except BadKey as error:
        raise BadSettings(SETTING, f"{path}: {error}") from None
