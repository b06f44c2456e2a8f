"""Where the lake's files lie: a folder, or a bucket of S3. One small interface; calls block, so they run in threads."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import obstore
from obstore.exceptions import BaseError
from obstore.store import S3Store

from kernel.errors import BadSettings, StorageFailed
from kernel.settings.store_address import StoreAddress
from system.durable_files import replace_file
from system.private_files import private_folder
from system.s3_access import client_options, load_access

ALIAS = "lake"


class LakeStore(Protocol):
    """What the lake needs of a store. Each call raises StorageFailed."""

    @property
    def name(self) -> str:
        """What to call it in messages."""

    def put(self, key: str, data: bytes) -> None:
        """Store a file, whole or not at all; it is durable on return. An older one of the name is replaced."""

    def get(self, key: str) -> bytes:
        """A file's bytes."""

    def list(self, prefix: str = "") -> list[str]:
        """The names that begin with a prefix, which ends with a slash or is empty."""

    def delete(self, keys: Iterable[str]) -> None:
        """Delete files; a file that is gone is no error."""

    def open_for(self, connection: Any) -> None:
        """Let a DuckDB connection read `locations`."""

    def locations(self, keys: Sequence[str]) -> Sequence[str]:
        """The files as DuckDB names them."""


class FolderLake:
    """The lake in a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.name = str(folder)

    def put(self, key: str, data: bytes) -> None:
        """Write, flush, rename."""
        path = self._folder / key
        try:
            private_folder(path.parent)
            replace_file(path, data)
        except OSError as error:
            raise StorageFailed(f"{path} cannot be written: {error.strerror}") from error

    def get(self, key: str) -> bytes:
        """Read the file."""
        try:
            return (self._folder / key).read_bytes()
        except OSError as error:
            raise StorageFailed(f"{self._folder / key} cannot be read: {error.strerror}") from error

    def list(self, prefix: str = "") -> list[str]:
        """Walk the folder; files that are being written are left out."""
        top = self._folder / prefix
        return sorted(path.relative_to(self._folder).as_posix() for path in top.rglob("*.parquet"))

    def delete(self, keys: Iterable[str]) -> None:
        """Unlink."""
        try:
            for key in keys:
                (self._folder / key).unlink(missing_ok=True)
        except OSError as error:
            raise StorageFailed(f"a file in {self._folder} cannot be deleted: {error.strerror}") from error

    def open_for(self, connection: Any) -> None:
        """DuckDB reads folders by itself."""

    def locations(self, keys: Sequence[str]) -> Sequence[str]:
        """Paths."""
        return [str(self._folder / key) for key in keys]


class BucketLake:
    """The lake in a bucket. A put of S3 is whole, and durable once it is answered."""

    def __init__(self, name: str, bucket: str, prefix: str, options: Mapping[str, Any]) -> None:
        self.name = name
        self._store = S3Store(bucket, prefix=prefix or None, **options)
        self._bucket = bucket
        self._prefix = prefix
        self._options = dict(options)

    def put(self, key: str, data: bytes) -> None:
        """One PUT, or a multipart upload."""
        try:
            obstore.put(self._store, key, data)
        except BaseError as error:
            raise self._failed(key, error) from error

    def get(self, key: str) -> bytes:
        """One GET."""
        try:
            return bytes(obstore.get(self._store, key).bytes())
        except (BaseError, FileNotFoundError) as error:
            raise self._failed(key, error) from error

    def list(self, prefix: str = "") -> list[str]:
        """All pages of the listing."""
        try:
            pages = obstore.list(self._store, prefix or None)
            return sorted(str(entry["path"]) for page in pages for entry in page)
        except BaseError as error:
            raise self._failed(prefix, error) from error

    def delete(self, keys: Iterable[str]) -> None:
        """Many in one request."""
        names = list(keys)
        try:
            for start in range(0, len(names), 1000):
                obstore.delete(self._store, names[start : start + 1000])
        except FileNotFoundError:
            return
        except BaseError as error:
            raise self._failed("files", error) from error

    def open_for(self, connection: Any) -> None:
        """DuckDB's own S3 client is downloaded at run time, so it reads through ours."""
        from obstore.fsspec import FsspecStore

        connection.register_filesystem(FsspecStore("s3", **self._options))

    def locations(self, keys: Sequence[str]) -> Sequence[str]:
        """URLs."""
        top = f"s3://{self._bucket}/" + (f"{self._prefix}/" if self._prefix else "")
        return [top + key for key in keys]

    def _failed(self, key: str, error: Exception) -> StorageFailed:
        return StorageFailed(f"{self.name}: {key}: {str(error).strip().splitlines()[0][:300]}")


def open_lake(
    address: StoreAddress, credentials: Path | None, environment: Mapping[str, str], setting: str = "lake"
) -> LakeStore:
    """The store at an address; nothing is asked of it yet. Raises BadSettings naming the setting."""
    if address.folder is not None:
        return FolderLake(address.folder)
    access = load_access(address.bucket, credentials, environment, f"{setting}_credentials")
    try:
        return BucketLake(str(address), address.bucket, address.prefix, client_options(access))
    except (BaseError, ValueError) as error:
        raise BadSettings(setting, f"{address} cannot be used: {error}") from None
