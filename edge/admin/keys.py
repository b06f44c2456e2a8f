"""The keys that let operators in at the admin port where it listens off loopback: a file of mode 0600, a key a line."""

from __future__ import annotations

import hmac
import os
import stat
from collections.abc import Sequence
from pathlib import Path

from kernel.errors import BadSettings

MIN_LENGTH = 16
MAX_FILE_SIZE = 64 << 10
OPEN_TO_ALL = frozenset(("/healthz", "/readyz"))
"""What probes ask, which have no key and learn nothing."""


def read_admin_keys(path: Path | None) -> tuple[str, ...]:
    """The keys of the file; lines that begin with `#` say whose they are. BadSettings when it cannot be used."""
    if path is None:
        return ()
    try:
        with path.open("rb") as file:
            mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
            text = file.read(MAX_FILE_SIZE).decode("ascii", "replace")
    except OSError as error:
        raise BadSettings("admin_keys", f"{path} cannot be read: {error.strerror}") from None
    if mode & 0o077:
        raise BadSettings("admin_keys", f"{path} has mode {mode:04o}: others can read the keys; make it 0600")
    keys = tuple(line.strip() for line in text.splitlines() if line.strip() and not line.startswith("#"))
    if not keys or any(len(key) < MIN_LENGTH or not key.isascii() or " " in key for key in keys):
        raise BadSettings("admin_keys", f"{path} must hold one key a line, each of at least {MIN_LENGTH} characters")
    return keys


def knows(keys: Sequence[str], authorization: str) -> bool:
    """Whether an Authorization field carries one of them."""
    scheme, _, given = authorization.partition(" ")
    told = given.strip().encode("utf-8", "surrogateescape")
    return scheme.lower() == "bearer" and any(hmac.compare_digest(key.encode(), told) for key in keys)
