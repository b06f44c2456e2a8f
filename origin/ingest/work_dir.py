"""The work folders of ingests: one for each title, with a lock that ends with the process."""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from kernel.errors import BadRequest, BadSettings, StorageFailed
from system.private_files import private_folder


class WorkDir:
    """The parent of all work folders; created if missing. Raises BadSettings."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder.absolute()
        try:
            private_folder(self.folder)
        except OSError as error:
            raise BadSettings("work_dir", f"{self.folder} cannot be created: {error.strerror}") from None

    @contextmanager
    def lock_title(self, content_id: str) -> Iterator[Path]:
        """Lock a title and yield its folder. Raises BadRequest (409) while another ingest of the title is running."""
        handle = self._lock(content_id)
        if handle is None:
            raise BadRequest(409, "ingest-running", f"another ingest of {content_id} is running")
        try:
            folder = self.folder / content_id
            folder.mkdir(exist_ok=True)
            yield folder
        except OSError as error:
            raise StorageFailed(f"working in {self.folder} failed: {error.strerror or error}") from None
        finally:
            os.close(handle)

    def clean(self, sweep: Callable[[str], object], *, keep: str | None = None) -> None:
        """Delete the folders of killed ingests of other titles, after `sweep(contentId)` of the store."""
        for content_id in self._others(keep):
            with self._if_free(content_id) as free:
                if free:
                    sweep(content_id)
                    shutil.rmtree(self.folder / content_id, ignore_errors=True)

    def sweep(self, sweep: Callable[[str], object]) -> None:
        """Call `sweep(contentId)` for each killed ingest; keep its encoded files for the next ingest of the title."""
        for content_id in self._others(None):
            with self._if_free(content_id) as free:
                if free:
                    sweep(content_id)

    def _others(self, keep: str | None) -> list[str]:
        return sorted(one.name for one in self.folder.iterdir() if one.is_dir() and one.name != keep)

    @contextmanager
    def _if_free(self, content_id: str) -> Iterator[bool]:
        handle = self._lock(content_id)
        try:
            yield handle is not None
        finally:
            if handle is not None:
                os.close(handle)

    def _lock(self, content_id: str) -> int | None:
        """A locked file descriptor, or None if another process holds the lock. The lock ends with the process."""
        # Race: never delete the lock file, or two processes could hold a lock of that name.
        handle = os.open(self.folder / f"{content_id}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(handle)
            return None
        return handle
