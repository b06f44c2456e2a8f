"""Log files of supervised programs: the current one is bounded, and one older one is kept."""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
from pathlib import Path

_TAIL_BYTES = 16 * 1024


def older(log: Path) -> Path:
    """The path of the previous log."""
    return log.with_name(log.name + ".1")


def rotate(log: Path) -> None:
    """Rename the current log to the older one, if it exists."""
    with contextlib.suppress(FileNotFoundError):
        log.replace(older(log))


def keep_bounded(log: Path, limit: int) -> bool:
    """Copy a log larger than `limit` bytes to the older one and truncate it. Returns whether it did.

    The program keeps appending to the same file, so it need not reopen it; lines written between the copy and the
    truncation are lost.
    """
    try:
        if log.stat().st_size <= limit:
            return False
        _copy_private(log, older(log))
        os.truncate(log, 0)
    except OSError:  # a full disk or a removed folder must not stop the supervisor
        return False
    return True


def _copy_private(log: Path, target: Path) -> None:
    """Copy with the log's mode for its owner, independent of the umask; never accessible to other users."""
    part = target.with_name(f"{target.name}.part")
    part.unlink(missing_ok=True)
    with log.open("rb") as read:
        mode = stat.S_IMODE(os.fstat(read.fileno()).st_mode) & 0o700
        with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "wb") as written:
            os.fchmod(written.fileno(), mode)
            shutil.copyfileobj(read, written)
    part.replace(target)


def tail(log: Path, lines: int = 15) -> str:
    """The last lines of a log, indented, for a message."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - _TAIL_BYTES))
            text = file.read().decode(errors="replace")
    except OSError:
        return "  (empty)"
    return "\n".join("  " + line for line in text.splitlines()[-lines:]) or "  (empty)"
