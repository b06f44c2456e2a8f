"""Folders and files that only the program's own user may read: made so, or made so again.

A folder of mode 0700 closes all below it; databases are closed themselves, for whoever copies them elsewhere.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable
from pathlib import Path

from kernel.errors import BadSettings

OTHERS = 0o077
DATABASES = "*.sqlite3*"
"""An SQLite file, its -wal and its -shm."""


def private_folder(folder: Path) -> None:
    """Make the folder with mode 0700, or give it that mode, and its databases 0600. Raises OSError.

    A folder that others share (sticky, such as /tmp) or own is left as it is: it is not ours to close.
    """
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    found = folder.stat()
    if found.st_uid == os.geteuid() and not found.st_mode & stat.S_ISVTX and folder.resolve() != Path("/"):
        _tighten(folder, found.st_mode)
    tighten(folder.glob(DATABASES))


def tighten(files: Iterable[Path]) -> None:
    """Take from others what they may do with these files, where they are ours; links are passed over."""
    for file in files:
        try:
            found = file.lstat()
            if stat.S_ISREG(found.st_mode) and found.st_uid == os.geteuid():
                _tighten(file, found.st_mode)
        except FileNotFoundError:  # a -wal goes when its last reader does
            continue


def _tighten(path: Path, mode: int) -> None:
    if mode & OTHERS:
        path.chmod(stat.S_IMODE(mode) & ~OTHERS)


def read_secret(path: Path, setting: str, limit: int) -> bytes:
    """The first `limit` bytes of a file that holds a secret, such as a key.

    Raises BadSettings naming the setting when users other than its owner may use the file; OSError.
    """
    # The mode is that of the file that is read: a check by path would leave time to exchange it.
    with os.fdopen(os.open(path, os.O_RDONLY | os.O_CLOEXEC), "rb") as file:
        mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
        if mode & OTHERS:
            raise BadSettings(setting, f"{path} has mode {mode:04o}: not 0600: run `chmod 600 {path}`")
        return file.read(limit)
