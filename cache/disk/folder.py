"""The disk tier's folder: made where it is not, held by one process, and known again.

    DIR/lock             held by the process that owns the folder
    DIR/index            which files are objects (cache.disk.journal)
    DIR/tmp/             files being written; emptied at start
    DIR/objects/ab/NAME  whole files; NAME = hash of the key and a number, so that no name is ever used twice
    DIR/objects/ab/NAME.head  the head that a 304 made new; its object's file never changes

A folder that was removed, and perhaps made again by somebody else, is told by its lock: the file under that name is
no longer the one that we hold. Plain functions, to be run in threads.
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
"""Between two attempts to hold the folder."""


class InUse(StorageFailed):
    """Another process holds the folder."""


class Folder:
    """The folder at `path`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock_fd = -1

    def create_missing(self) -> None:
        """What is not there of its folders. OSError as the system says it."""
        (self.path / "tmp").mkdir(parents=True, exist_ok=True)
        for shard in SHARDS:
            (self.path / "objects" / shard).mkdir(parents=True, exist_ok=True)

    def lock(self) -> None:
        """Hold it, in place of one that was removed. InUse when another process does; OSError."""
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
            self._lock_fd = held  # it may have been removed since it was opened: looked at again

    def open(self, wait: float = 0.0) -> None:
        """Make and hold it, at start; a predecessor has `wait` seconds to let it go. BadSettings when it cannot be."""
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
        """Whether the folder under this path is the one that we hold."""
        if self._lock_fd < 0:
            return False
        try:
            return os.path.samestat(os.stat(self.path / "lock"), os.fstat(self._lock_fd))  # noqa: PTH116 (asked for each write)
        except (FileNotFoundError, NotADirectoryError):
            return False
        except OSError:
            return True  # nobody can tell: the disk fails, and that is told elsewhere

    def close(self) -> None:
        """Let it go."""
        if self._lock_fd >= 0:
            with contextlib.suppress(OSError):
                os.close(self._lock_fd)
            self._lock_fd = -1
