"""The files of uploads: bytes are appended at an offset, checked, and on disk before anybody is told so."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import os
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from pathlib import Path

import aiofiles
from aiofiles.threadpool.binary import AsyncBufferedIOBase

from kernel.errors import BadSettings, StorageFailed
from origin.uploads.tus_protocol import CHECKSUM_MISMATCH, Checksum, TusRefusal
from system.durable_files import sync_path
from system.private_files import private_folder

SYNC_BYTES = 8 << 20
"""At most so many acknowledged-to-be bytes are lost by a kill; each sync costs a write of the offset."""
_SUFFIX = ".upload"

Commit = Callable[[int], Awaitable[None]]
"""Called with the offset up to which all bytes are on disk."""


class _Chunk:
    """One body on its way to disk."""

    def __init__(self, written: int, synced: int, bound: int, checksum: Checksum | None) -> None:
        self.written = written
        self.synced = synced
        self._bound = bound
        self._checksum = checksum
        self._hash = hashlib.new(checksum.algorithm, usedforsecurity=False) if checksum else None

    @property
    def may_commit(self) -> bool:
        """Whether what is written counts: a body with a checksum only when it is whole and right."""
        return self._hash is None

    def count(self, piece: bytes) -> None:
        """Count and hash the next piece. Raises TusRefusal (413)."""
        if self.written + len(piece) > self._bound:
            raise TusRefusal(413, "upload-size", f"the body has more bytes than the upload's {self._bound}")
        self.written += len(piece)
        if self._hash is not None:
            self._hash.update(piece)

    def check(self) -> None:
        """The body is whole: compare its checksum. Raises TusRefusal (460)."""
        if self._hash is not None and self._checksum is not None:
            if not hmac.compare_digest(self._hash.digest(), self._checksum.digest):
                raise TusRefusal(CHECKSUM_MISMATCH, "checksum", "the body does not have this checksum")
            self._hash = None


class Spool:
    """A folder of upload files. Raises BadSettings if it cannot be made."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder.absolute()
        try:
            private_folder(self.folder)
        except OSError as error:
            raise BadSettings("data", f"{self.folder} cannot be created: {error.strerror}") from None

    def path(self, upload_id: str) -> Path:
        """The file of an upload."""
        return self.folder / f"{upload_id}{_SUFFIX}"

    def free_bytes(self) -> int:
        """Free space for new uploads; may wait for a disk. Raises StorageFailed."""
        try:
            return shutil.disk_usage(self.folder).free
        except OSError as error:
            raise _failed(error) from None

    async def create(self, upload_id: str) -> None:
        """Make an empty file that survives a power cut. Raises StorageFailed."""
        await asyncio.to_thread(self._create, upload_id)

    def _create(self, upload_id: str) -> None:
        try:
            self.path(upload_id).touch(0o600)
            sync_path(self.folder)
        except OSError as error:
            raise _failed(error) from None

    async def append(
        self,
        upload_id: str,
        offset: int,
        pieces: AsyncIterator[bytes],
        *,
        bound: int,
        commit: Commit,
        checksum: Checksum | None = None,
    ) -> int:
        """Write pieces from `offset` on; what lies behind it is from a chunk that was never acknowledged.

        Commits as bytes reach the disk, also those of a body that breaks off; with a checksum, only the whole body.
        Returns the new offset. Raises TusRefusal (413, 460), StorageFailed, and what reading the pieces raises.
        """
        chunk = _Chunk(offset, offset, bound, checksum)
        try:
            async with aiofiles.open(self.path(upload_id), "r+b") as file:
                await file.truncate(offset)
                await file.seek(offset)
                try:
                    async for piece in pieces:
                        chunk.count(piece)
                        await file.write(piece)
                        if chunk.may_commit and chunk.written - chunk.synced >= SYNC_BYTES:
                            await self._sync(file, chunk, commit)
                    chunk.check()
                finally:
                    if chunk.may_commit and chunk.written > chunk.synced:
                        await self._sync(file, chunk, commit)
        except ConnectionError:  # the client's connection, not the disk
            raise
        except OSError as error:
            raise _failed(error) from None
        return chunk.written

    async def _sync(self, file: AsyncBufferedIOBase, chunk: _Chunk, commit: Commit) -> None:
        written = chunk.written
        await file.flush()
        await asyncio.to_thread(os.fsync, file.fileno())
        await commit(written)
        chunk.synced = written

    def delete(self, upload_id: str) -> None:
        """Delete an upload's file, if it is there. Raises StorageFailed."""
        try:
            self.path(upload_id).unlink(missing_ok=True)
        except OSError as error:
            raise _failed(error) from None

    def delete_others(self, known: Collection[str]) -> int:
        """Delete the files of unknown uploads, which a kill left; returns how many."""
        left = [file for file in self.folder.glob(f"*{_SUFFIX}") if file.name.removesuffix(_SUFFIX) not in known]
        for file in left:
            file.unlink(missing_ok=True)
        return len(left)


def _failed(error: OSError) -> StorageFailed:
    return StorageFailed(f"an upload cannot be written: {error.strerror or error}")
