"""The operators' API key: a file of mode 0600, made at the first start."""

from __future__ import annotations

import secrets
from pathlib import Path

from kernel.errors import BadSettings
from system.durable_files import replace_file
from system.private_files import read_secret

SETTING = "api_key_file"
MIN_LENGTH = 16
MAX_BYTES = 1024


def read_or_make(path: Path) -> str:
    """Read the key, making the file if it does not exist. Raises BadSettings."""
    try:
        return _read(path)
    except FileNotFoundError:
        _make(path)
    except OSError as error:
        raise BadSettings(SETTING, f"{path} cannot be read: {error.strerror}") from None
    return _read(path)


def _read(path: Path) -> str:
    key = read_secret(path, SETTING, MAX_BYTES).decode("ascii", "replace").strip()
    if len(key) < MIN_LENGTH:
        raise BadSettings(SETTING, f"{path} holds no key of at least {MIN_LENGTH} characters; remove it for a new one")
    return key


def _make(path: Path) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        replace_file(path, f"{secrets.token_urlsafe(32)}\n".encode(), concurrent=True)
    except OSError as error:
        raise BadSettings(SETTING, f"{path} cannot be made: {error.strerror}") from None
