"""Secret files: created once with mode 0600, read from then on."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from kernel.errors import BadSettings
from system.durable_files import create_file
from system.private_files import read_secret

MAX_BYTES = 64 * 1024


def read_or_create(path: Path, make: Callable[[], bytes], setting: str) -> bytes:
    """The file's bytes; created with `make()` if absent. Processes that start at the same time get the same secret.

    Raises BadSettings naming `setting` if the file cannot be read or created, or other users may read it.
    """
    try:
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            create_file(path, make())
        found = read_secret(path, setting, MAX_BYTES)
    except OSError as error:
        raise BadSettings(setting, f"{path} cannot be read or created: {error.strerror}") from None
    if not found.strip():
        raise BadSettings(setting, f"{path} is empty: remove it to get a new one")
    return found
