"""An object store in a folder of this machine: conditional writes under a lock, fsync, and a watch on the mount."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import re
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import obstore
from obstore.exceptions import AlreadyExistsError, BaseError, PreconditionError
from obstore.store import LocalStore
from obstore.store import ObjectStore as Client

from kernel.errors import BadSettings
from kernel.store_faults import StoreFault
from origin.stores.object_store import ABSENT, StoreFailed
from origin.stores.obstore_store import ObstoreStore, cause_of
from system.durable_files import sync_path
from system.private_files import private_folder

LOCK = ".lock"
"""Held during conditional writes. No key is called so, and no listing shows it."""
LOCK_SECONDS = 20.0
_LEFT_OVER = re.compile(r".+#\d+")
"""The name of a file that obstore has not finished writing."""


def open_folder(folder: Path, setting: str = "store") -> ObstoreStore:
    """The store in a folder, which is created if missing. Raises BadSettings naming the setting."""
    folder = folder.absolute()
    try:
        private_folder(folder)
        client = LocalStore(folder)
        medium = FolderMedium(folder, client)
    except (OSError, BaseError) as error:
        raise BadSettings(setting, f"{folder} cannot be used: {cause_of(error)}") from None
    return ObstoreStore(str(folder), client, medium)


class FolderMedium:
    """The folder. Raises OSError if it cannot be read."""

    def __init__(self, folder: Path, client: Client) -> None:
        self._folder = folder
        self._client = client
        self._identity = _identity(folder)

    async def put_if(self, key: str, data: bytes, expected: str) -> str:
        """Compare and write under the store's lock: no file system has a conditional rename."""
        return await asyncio.to_thread(self._put_if, key, data, expected)

    def _put_if(self, key: str, data: bytes, expected: str) -> str:
        with self._locked():
            try:
                tag = obstore.head(self._client, key)["e_tag"]
            except FileNotFoundError:
                tag = ABSENT
            if tag != expected:
                conflict = AlreadyExistsError if expected == ABSENT else PreconditionError
                raise conflict(f"{key} was changed by another writer")
            return obstore.put(self._client, key, data, use_multipart=False)["e_tag"] or ""

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """The lock of this folder; the system frees it when the process dies."""
        handle = os.open(self._folder / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            patience = time.monotonic() + LOCK_SECONDS
            while True:
                try:
                    fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    if time.monotonic() > patience:
                        raise OSError(None, f"its lock is held for more than {LOCK_SECONDS:g} s") from None
                    time.sleep(0.01)
            yield
        finally:
            os.close(handle)

    async def check(self) -> None:
        """Fail if the folder is gone or another one is mounted over it: writes would fill the disk below it."""
        try:
            same = _identity(self._folder) == self._identity
        except FileNotFoundError:
            same = False
        if not same:
            raise StoreFailed(
                StoreFault.UNAVAILABLE, f"the store {self._folder} is gone: it was deleted, replaced or unmounted"
            )

    async def delete(self, keys: list[str]) -> None:
        """Delete files, and folders that become empty."""
        await asyncio.to_thread(self._delete, keys)

    def _delete(self, keys: list[str]) -> None:
        for key in keys:
            file = self._folder / key
            file.unlink(missing_ok=True)
            for parent in file.parents:
                try:
                    if parent == self._folder:
                        break
                    parent.rmdir()
                except FileNotFoundError:
                    continue
                except OSError:  # it is not empty
                    break

    async def make_durable(self, keys: list[str]) -> None:
        """fsync the files and the folders that name them."""
        await asyncio.to_thread(self._make_durable, keys)

    def _make_durable(self, keys: list[str]) -> None:
        files = [self._folder / key for key in keys]
        folders = {parent for file in files for parent in file.parents if parent.is_relative_to(self._folder)}
        with ThreadPoolExecutor(max_workers=8) as pool:
            list(pool.map(_sync, files))
            list(pool.map(_sync, sorted(folders, reverse=True)))


def sweep_unfinished(folder: Path, before: float) -> int:
    """Delete files that killed writers left unfinished and not touched since `before` (Unix s); returns how many."""
    left = [file for file in folder.rglob("*#*") if _LEFT_OVER.fullmatch(file.name)]
    old = [file for file in left if file.stat(follow_symlinks=False).st_mtime < before]
    for file in old:
        file.unlink(missing_ok=True)
    return len(old)


def _sync(path: Path) -> None:
    with contextlib.suppress(FileNotFoundError):  # deleted meanwhile: its reader notices that
        sync_path(path)


def _identity(folder: Path) -> tuple[int, int]:
    found = folder.stat()
    return found.st_dev, found.st_ino
