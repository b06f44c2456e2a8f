"""The object store: objects by key through obstore, in a local folder.

Keys:
    titles/<contentId>/title.json            the pointer to the current publication
    titles/<contentId>/publication-<n>.json  the file list of publication n, never changed
    media/<contentId>/v720/00001.m4s …       segments, media playlists, thumbnails: never changed
    media/<contentId>/top-<n>/master.m3u8 …  the top files of publication n, served without `top-<n>/`
    mark.json                                changes with every publication, so that origins can poll it
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple, Protocol

import obstore
from obstore.exceptions import BaseError
from obstore.store import LocalStore, ObjectStore

from kernel.errors import BadSettings, StorageFailed
from system.durable_files import sync_path
from system.private_files import private_folder

_LEFT_OVER = re.compile(r".+#\d+")
"""The name of a file that obstore has not finished writing."""


class ObjectInfo(NamedTuple):
    """An object in a listing; size in bytes."""

    key: str
    size: int


class Storage(Protocol):
    """A store as ingest and the origin use it; every failure raises StorageFailed."""

    def put(self, key: str, data: bytes) -> None:
        """Store an object, replacing an older one atomically."""

    def put_file(self, key: str, file: Path) -> None:
        """Store a file's content."""

    def get(self, key: str) -> bytes | None:
        """The content of a small object, or None if it does not exist."""

    def tag(self, key: str) -> str | None:
        """A tag that changes whenever the object changes, or None if it does not exist."""

    def list(self, prefix: str) -> Iterator[ObjectInfo]:
        """All objects whose keys start with `prefix`, which ends in a slash."""

    def delete(self, keys: Iterable[str]) -> None:
        """Delete objects; missing ones are ignored."""

    def make_durable(self, keys: Iterable[str]) -> None:
        """Return once the objects would survive a power cut."""

    async def read(self, key: str, first: int, stop: int) -> bytes:
        """Bytes `first` to `stop` (exclusive)."""


class FolderStorage:
    """A store in a folder of this machine."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder.absolute()
        try:
            private_folder(self.folder)
            self._store: ObjectStore = LocalStore(self.folder)
        except (OSError, BaseError) as error:
            raise BadSettings("store", f"{self.folder} cannot be used: {_reason(error)}") from None

    def put(self, key: str, data: bytes) -> None:
        """Store an object: a temporary file, then a rename."""
        with self._failing(f"writing {key}"):
            obstore.put(self._store, key, data, use_multipart=False)

    def put_file(self, key: str, file: Path) -> None:
        """Store a file's content, read in bounded parts."""
        with self._failing(f"writing {key}"):
            obstore.put(self._store, key, file)

    def get(self, key: str) -> bytes | None:
        """The content of a small object, or None if it does not exist."""
        with self._failing(f"reading {key}"):
            try:
                return bytes(obstore.get(self._store, key).bytes())
            except FileNotFoundError:
                return None

    def tag(self, key: str) -> str | None:
        """The store's own entity tag."""
        with self._failing(f"reading {key}"):
            try:
                return obstore.head(self._store, key)["e_tag"]
            except FileNotFoundError:
                return None

    def list(self, prefix: str) -> Iterator[ObjectInfo]:
        """All objects below a prefix."""
        with self._failing(f"listing {prefix}"):
            for chunk in obstore.list(self._store, prefix.rstrip("/")):
                for meta in chunk:
                    yield ObjectInfo(meta["path"], meta["size"])

    def delete(self, keys: Iterable[str]) -> None:
        """Delete objects, and folders that become empty."""
        with self._failing("deleting"):
            for key in keys:
                file = self.folder / key
                file.unlink(missing_ok=True)
                for parent in file.parents:
                    if parent == self.folder or any(parent.iterdir()):
                        break
                    parent.rmdir()

    def make_durable(self, keys: Iterable[str]) -> None:
        """fsync the files and the folders that name them."""
        files = [self.folder / key for key in keys]
        folders = {parent for file in files for parent in file.parents if parent.is_relative_to(self.folder)}
        with self._failing("writing to disk"), ThreadPoolExecutor(max_workers=8) as pool:
            list(pool.map(sync_path, files))
            list(pool.map(sync_path, sorted(folders, reverse=True)))

    def sweep_unfinished(self, prefix: str) -> int:
        """Delete files that a killed writer left unfinished below a prefix; returns how many."""
        folder = self.folder / prefix
        left = [file for file in folder.rglob("*#*") if _LEFT_OVER.fullmatch(file.name)] if folder.is_dir() else []
        for file in left:
            file.unlink(missing_ok=True)
        return len(left)

    async def read(self, key: str, first: int, stop: int) -> bytes:
        """Bytes `first` to `stop` (exclusive), read in obstore's threads."""
        with self._failing(f"reading {key}"):
            return bytes(await obstore.get_range_async(self._store, key, start=first, end=stop))

    @contextmanager
    def _failing(self, doing: str) -> Iterator[None]:
        try:
            yield
        except (OSError, BaseError) as error:
            raise StorageFailed(f"the store {self.folder} failed while {doing}: {_reason(error)}") from None


def _reason(error: Exception) -> str:
    """The cause in one line, without obstore's nested debug output."""
    text = str(error)
    if "No space left on device" in text or "StorageFull" in text or "os error 28" in text:
        return "the disk is full"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return text.splitlines()[0][:200] if text else type(error).__name__
