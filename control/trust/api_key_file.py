"""The operators' API key: a file of mode 0600, made at first start."""

from __future__ import annotations

import os
import secrets
import stat
from pathlib import Path

from kernel.errors import BadSettings
from system.durable_files import replace_file

MIN_LENGTH = 16


def read_or_make(path: Path) -> str:
    """The key in the file, which is made when there is none. Raises BadSettings."""
    try:
        return _read(path)
    except FileNotFoundError:
        _make(path)
    except OSError as error:
        raise BadSettings("api_key_file", f"{path} cannot be read: {error.strerror}") from None
    return _read(path)


def _read(path: Path) -> str:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as file:
        mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
        key = file.read(1024).decode("ascii", "replace").strip()
    if mode & 0o077:
        raise BadSettings("api_key_file", f"{path} has mode {mode:04o}: others can read the key; make it 0600")
    if len(key) < MIN_LENGTH:
        raise BadSettings(
            "api_key_file", f"{path} holds no key of at least {MIN_LENGTH} characters; remove it for a new one"
        )
    return key


def _make(path: Path) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        replace_file(path, f"{secrets.token_urlsafe(32)}\n".encode(), concurrent=True)
    except OSError as error:
        raise BadSettings("api_key_file", f"{path} cannot be made: {error.strerror}") from None
