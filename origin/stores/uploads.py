"""Puts of files of any size, with a checksum taken from the very bytes that are sent."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

from kernel.errors import StorageFailed
from kernel.store_faults import StoreFault
from origin.stores.object_store import ObjectStore, StoreFailed

WHOLE_BYTES = 8 << 20
"""Files up to this size are sent in one request; a bucket checks its checksum."""
PIECE_BYTES = 1 << 20


class Checksum(NamedTuple):
    """Size in bytes and SHA-256 in hex."""

    size: int
    sha256: str


def checksum(data: bytes | memoryview) -> Checksum:
    """Of bytes in memory."""
    return Checksum(len(data), hashlib.sha256(data).hexdigest())


async def checksum_file(file: Path) -> Checksum:
    """Of a file; raises StorageFailed if it cannot be read."""
    return await asyncio.to_thread(_checksum_file, file)


def _checksum_file(file: Path) -> Checksum:
    try:
        with file.open("rb") as opened:
            digest = hashlib.file_digest(opened, "sha256").hexdigest()
            return Checksum(opened.tell(), digest)
    except OSError as error:
        raise StorageFailed(f"{file} cannot be read: {error.strerror}") from None


async def put_file(store: ObjectStore, key: str, file: Path) -> Checksum:
    """Store a file. The checksum is that of the bytes sent, even if the file changes meanwhile."""
    try:
        with await asyncio.to_thread(file.open, "rb") as opened:
            first = await asyncio.to_thread(opened.read, WHOLE_BYTES + 1)
            if len(first) <= WHOLE_BYTES:
                await store.put(key, first)
                return checksum(first)
            digest = hashlib.sha256()
            sent = 0

            async def pieces() -> AsyncIterator[bytes]:
                nonlocal sent
                piece = first
                while piece:
                    await asyncio.to_thread(digest.update, piece)
                    sent += len(piece)
                    yield piece
                    piece = await _next_piece(opened)

            await store.put_stream(key, pieces())
    except OSError as error:
        raise StorageFailed(f"{file} cannot be read: {error.strerror}") from None
    await check_size(store, key, sent)
    return Checksum(sent, digest.hexdigest())


async def _next_piece(opened: BinaryIO) -> bytes:
    return await asyncio.to_thread(opened.read, PIECE_BYTES)


async def check_size(store: ObjectStore, key: str, size: int) -> None:
    """Fail with DAMAGED if the stored object has another size."""
    info = await store.info(key)
    if info is None or not store.fits(info.size, size):
        there = "nothing" if info is None else f"{info.size} bytes"
        raise StoreFailed(StoreFault.DAMAGED, f"{key} in {store.name}: {size} bytes were sent, {there} arrived")


async def read_pieces(store: ObjectStore, key: str, size: int) -> AsyncIterator[bytes | memoryview]:
    """An object of known size, a piece at a time."""
    for first in range(0, size, PIECE_BYTES):
        yield await store.read(key, first, min(size, first + PIECE_BYTES))


async def checksum_object(store: ObjectStore, key: str, size: int) -> Checksum:
    """Read an object of `size` bytes and take its checksum; fails with MISSING or DAMAGED if it is shorter."""
    digest = hashlib.sha256()
    async for piece in read_pieces(store, key, size):
        await asyncio.to_thread(digest.update, piece)
    return Checksum(size, digest.hexdigest())


async def copy_object(source: ObjectStore, target: ObjectStore, key: str, size: int) -> None:
    """Copy an object of `size` bytes from one store to another. The caller verifies the copy."""
    if size <= WHOLE_BYTES:
        await target.put(key, bytes(await source.read(key, 0, size)) if size else b"")
    else:
        await target.put_stream(key, read_pieces(source, key, size))
    await target.make_durable([key])
