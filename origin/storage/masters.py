"""Masters: the films as they were uploaded, kept so that a title can be transcoded again.

    masters/<sha256>/master.json           the record, written last
    masters/<sha256>/<number>-<checksum>   its parts

A part's key has its checksum, so what a killed upload stored is known from a listing, and the next one goes on there.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import msgspec

from kernel.errors import StorageFailed
from kernel.store_faults import StoreFault
from origin.storage.records import decode_record, encode_record
from origin.stores.object_store import ABSENT, ObjectStore, StoreFailed
from origin.stores.uploads import checksum, read_pieces
from system.durable_files import sync_path

PREFIX = "masters/"
PART_BYTES = 16 << 20
"""The bytes of a part, and of memory while one is sent."""


class MasterPart(msgspec.Struct, frozen=True, array_like=True):
    """A part: its key in the store, its size in bytes, its SHA-256 in hex."""

    key: str
    size: int
    digest: str


class MasterRecord(msgspec.Struct, frozen=True, rename="camel"):
    """A master: SHA-256 in hex, size in bytes, the file's name, when it was stored (ISO 8601), its parts in order."""

    sha256: str
    size: int
    name: str
    stored: str
    parts: tuple[MasterPart, ...]


class Masters:
    """The masters of a store."""

    def __init__(self, store: ObjectStore) -> None:
        self._store = store

    async def find(self, sha256: str) -> MasterRecord | None:
        """The record, or None if there is no such master, or not yet all of it."""
        stored = await self._store.get(record_key(sha256))
        return decode_record(stored.data, MasterRecord, record_key(sha256)) if stored else None

    async def listed(self) -> tuple[str, ...]:
        """The SHA-256 of all masters, and of those that are not complete."""
        return await self._store.folders(PREFIX)

    async def keep(
        self, file: Path, sha256: str, name: str, stored: str, on_bytes: Callable[[int], object] = lambda _: None
    ) -> MasterRecord:
        """Store a file with this checksum. Parts that are there already are not sent again.

        Calls `on_bytes` with the bytes done so far. Raises StorageFailed if the file has another checksum.
        """
        known = await self.find(sha256)
        if known is not None:
            return known
        parts = await self._send(file, sha256, on_bytes)
        record = MasterRecord(sha256, sum(part.size for part in parts), name, stored, tuple(parts))
        try:
            await self._store.put(record_key(sha256), encode_record(record), only_if=ABSENT)
        except StoreFailed as error:
            if error.fault is not StoreFault.CONFLICT:
                raise
        await self._store.make_durable([*(part.key for part in parts), record_key(sha256)])
        if not await self._is_whole(record):  # it expired meanwhile
            await self._store.delete([record_key(sha256)])
            raise StoreFailed(StoreFault.CONFLICT, f"parts of the master {sha256} vanished while it was stored")
        return await self.find(sha256) or record

    async def _send(self, file: Path, sha256: str, on_bytes: Callable[[int], object]) -> list[MasterPart]:
        there = {info.key: info.size async for info in self._store.list(f"{PREFIX}{sha256}/", in_all=True)}
        whole, parts, done = hashlib.sha256(), list[MasterPart](), 0
        try:
            with await asyncio.to_thread(file.open, "rb") as opened:
                while data := await asyncio.to_thread(opened.read, PART_BYTES):
                    await asyncio.to_thread(whole.update, data)
                    size, digest = await asyncio.to_thread(checksum, data)
                    key = f"{PREFIX}{sha256}/{len(parts):05}-{digest[:16]}"
                    if not self._store.fits(there.get(key, -1), size):
                        await self._store.put(key, data)
                    parts.append(MasterPart(key, size, digest))
                    done += size
                    on_bytes(done)
        except OSError as error:
            raise StorageFailed(f"{file} cannot be read: {error.strerror}") from None
        if whole.hexdigest() != sha256:
            raise StorageFailed(f"{file} is not the file whose SHA-256 is {sha256}")
        return parts

    async def _is_whole(self, record: MasterRecord) -> bool:
        there = {info.key: info.size async for info in self._store.list(f"{PREFIX}{record.sha256}/")}
        return all(self._store.fits(there.get(part.key, -1), part.size) for part in record.parts)

    async def read(self, record: MasterRecord) -> AsyncIterator[bytes | memoryview]:
        """The content in pieces."""
        for part in record.parts:
            async for piece in read_pieces(self._store, part.key, part.size):
                yield piece

    async def fetch(self, record: MasterRecord, into: Path) -> None:
        """Write a master to a file, verified part by part. Goes on with `<into>.part` of a killed fetch."""
        partial = into.with_name(f"{into.name}.part")
        try:
            handle = os.open(partial, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            with os.fdopen(handle, "r+b") as file:
                for part in record.parts:
                    start = file.tell()
                    if checksum(await asyncio.to_thread(file.read, part.size)) != (part.size, part.digest):
                        file.seek(start)
                        file.truncate()
                        await asyncio.to_thread(file.write, await self._read_part(part))
                file.truncate()
            await asyncio.to_thread(sync_path, partial)
            await asyncio.to_thread(partial.replace, into)
        except OSError as error:
            raise StorageFailed(f"{into} cannot be written: {error.strerror}") from None

    async def _read_part(self, part: MasterPart) -> bytes:
        data = b"".join([bytes(piece) async for piece in read_pieces(self._store, part.key, part.size)])
        if (await asyncio.to_thread(checksum, data)).sha256 != part.digest:
            raise StoreFailed(StoreFault.DAMAGED, f"{part.key} in {self._store.name} is not what was stored")
        return data

    async def delete(self, sha256: str) -> int:
        """Delete a master, its record first; returns the number of deleted objects."""
        await self._store.delete([record_key(sha256)])
        keys = [info.key async for info in self._store.list(f"{PREFIX}{sha256}/")]
        await self._store.delete(keys)
        return len(keys)

    async def last_write(self, sha256: str) -> float | None:
        """When anything of a master was last written, in Unix seconds; None if nothing of it is there."""
        times = [info.modified async for info in self._store.list(f"{PREFIX}{sha256}/")]
        return max(times, default=None)


def record_key(sha256: str) -> str:
    """The key of a master's record."""
    return f"{PREFIX}{sha256}/master.json"
