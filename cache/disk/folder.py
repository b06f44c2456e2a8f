"""The disk tier's folder: its layout and its lock, which one process holds.

    DIR/lock             held by the process that owns the folder
    DIR/index            which files are objects (cache.disk.journal)
    DIR/tmp/             files being written; emptied at start
    DIR/objects/ab/NAME  complete files; NAME = hash of the key and a number, so that no name is used twice
    DIR/objects/ab/NAME.head  a head renewed by a 304; an object file itself never changes

The lock also detects a folder that was deleted, and perhaps created again by another process: the lock file under that
name is then not the one that we hold. Plain blocking functions, to be run in threads.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import threading
from pathlib import Path

from cache.disk.recovery import SHARDS
from kernel.errors import BadSettings, StorageFailed

LOCK_SECONDS = 0.05
"""Seconds between two attempts to lock the folder."""


class InUse(StorageFailed):
    """Another process holds the lock of the folder."""


class Folder:
    """The folder at `path`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock_fd = -1

    def create_missing(self) -> None:
        """Create the missing folders. Raises OSError."""
        (self.path / "tmp").mkdir(parents=True, exist_ok=True)
        for shard in SHARDS:
            (self.path / "objects" / shard).mkdir(parents=True, exist_ok=True)

    def lock(self) -> None:
        """Lock the folder, also after it was deleted and created again. Raises InUse when another process holds it, or
        OSError."""
        while not self.is_ours():
            held = os.open(self.path / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                os.close(held)
                raise InUse(f"{self.path} is in use by another process") from None
            except BaseException:
                os.close(held)
                raise
            self.close()
            self._lock_fd = held  # race: it may have been deleted since it was opened, so the loop checks again

    def open(self, wait: float = 0.0) -> None:
        """Create and lock it at start; wait up to `wait` seconds for a predecessor. Raises BadSettings on failure."""
        try:
            self.create_missing()
            for _ in range(int(wait / LOCK_SECONDS)):
                with contextlib.suppress(InUse):
                    self.lock()
                    return
                threading.Event().wait(LOCK_SECONDS)
            self.lock()
        except InUse as error:
            raise BadSettings("cache_dir", str(error)) from None
        except OSError as error:
            self.close()
            raise BadSettings("cache_dir", f"{self.path} cannot be used: {error.strerror}") from None

    def is_ours(self) -> bool:
        """Whether the folder at this path is the one that we locked."""
        if self._lock_fd < 0:
            return False
        try:
            return os.path.samestat(os.stat(self.path / "lock"), os.fstat(self._lock_fd))  # noqa: PTH116 (asked for each write)
        except (FileNotFoundError, NotADirectoryError):
            return False
        except OSError:
            return True  # unknown: the disk fails, and reads and writes report that

    def close(self) -> None:
        """Release the lock."""
        if self._lock_fd >= 0:
            with contextlib.suppress(OSError):
                os.close(self._lock_fd)
            self._lock_fd = -1
