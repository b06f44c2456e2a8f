"""Files that are written whole or not at all, and survive a power cut once the call returns."""

from __future__ import annotations

import contextlib
import os
import secrets
from pathlib import Path


def replace_file(path: Path, data: bytes, *, mode: int = 0o600, concurrent: bool = False) -> None:
    """Write `data` to a temporary file next to `path`, fsync it, rename it over `path`, and fsync the folder.

    Pass `concurrent` where another process may replace the same file: the temporary file then has a random name.
    Otherwise it is `<name>.part`, so that a crash leaves at most one. Raises OSError, with `path` as it was.
    """
    temporary = _temporary_name(path) if concurrent else path.with_name(f"{path.name}.part")
    try:
        _write_new(temporary, data, mode)
        temporary.replace(path)
        sync_path(path.parent)
    except OSError:
        _remove(temporary)
        raise


def create_file(path: Path, data: bytes, *, mode: int = 0o600) -> bool:
    """Write a file that does not exist yet, as durably; False where another process was first. Raises OSError."""
    temporary = _temporary_name(path)
    try:
        _write_new(temporary, data, mode)
        # A link, unlike a rename, never replaces a file: two processes that start at once end with one content.
        os.link(temporary, path)
        sync_path(path.parent)
    except FileExistsError:
        return False
    finally:
        _remove(temporary)
    return True


def sync_path(path: Path) -> None:
    """fsync a file, or a folder and with it the names it holds. Raises OSError."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _temporary_name(path: Path) -> Path:
    return path.with_name(f"{path.name}.{secrets.token_hex(4)}.part")


def _write_new(temporary: Path, data: bytes, mode: int) -> None:
    # A file that a crash left may have another mode, or be somebody's link: never write into it.
    temporary.unlink(missing_ok=True)
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        if mode != 0o600:
            os.fchmod(descriptor, mode)  # open's mode would be cut by the umask
        file.flush()
        os.fsync(file.fileno())


def _remove(temporary: Path) -> None:
    with contextlib.suppress(OSError):
        temporary.unlink()
