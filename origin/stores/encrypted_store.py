"""Encryption at rest: an object store that stores only ciphertext in another one.

Objects that were stored before encryption was turned on are read as they are.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, AsyncIterator, Iterable

from cachetools import LRUCache
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from kernel.store_faults import StoreFault
from origin.stores.frames import (
    FRAME_BYTES,
    HEADER_BYTES,
    frame_range,
    is_header,
    new_header,
    open_frames,
    open_header,
    seal_frame,
    stored_size,
    wrapping_id,
)
from origin.stores.object_store import ObjectInfo, ObjectStore, Stored, StoreFailed
from origin.stores.wrapping_keys import PREFIX, WrappingKeys

MAX_CIPHERS = 10_000
"""Objects whose data key stays in memory, about 1 KiB each."""
PLAIN_KEYS = ("mark.json",)
"""They hold nothing but chance."""
INLINE_BYTES = 256 << 10
"""More is encrypted in a thread."""
NEAR_BYTES = 1 << 20
"""So far from its start an object is read from its header on, in place of two reads."""


class EncryptedStore:
    """An ObjectStore over `inner`, which sees no content."""

    def __init__(self, inner: ObjectStore, keys: WrappingKeys) -> None:
        self.name = inner.name
        self._inner = inner
        self._keys = keys
        self._ciphers: LRUCache[str, AESGCM | None] = LRUCache(MAX_CIPHERS)

    async def put(self, key: str, data: bytes, *, only_if: str | None = None) -> str:
        """Encrypt an object and store it."""
        if _is_plain(key):
            return await self._inner.put(key, data, only_if=only_if)
        header, cipher = new_header(await self._keys.current(key), key)
        if len(data) > INLINE_BYTES:
            sealed = await asyncio.to_thread(_seal, header, cipher, data)
        else:
            sealed = _seal(header, cipher, data)
        self._ciphers.pop(key, None)
        return await self._inner.put(key, sealed, only_if=only_if)

    async def put_stream(self, key: str, pieces: AsyncIterable[bytes | memoryview]) -> None:
        """Encrypt frame by frame while it is stored."""
        header, cipher = new_header(await self._keys.current(key), key)
        self._ciphers.pop(key, None)
        await self._inner.put_stream(key, _sealed_pieces(header, cipher, pieces))

    async def get(self, key: str) -> Stored | None:
        """Decrypt a small object."""
        stored = await self._inner.get(key)
        if stored is None or _is_plain(key) or not is_header(stored.data):
            return stored
        header, frames = stored.data[:HEADER_BYTES], memoryview(stored.data)[HEADER_BYTES:]
        try:
            content = b"".join(open_frames(await self._open(key, header), 0, frames))
        except ValueError as error:
            raise self._damaged(key, error) from None
        if stored_size(len(content)) != len(stored.data):
            raise self._damaged(key, ValueError("it was cut"))
        return Stored(content, stored.tag)

    async def info(self, key: str) -> ObjectInfo | None:
        """Size as stored; see `fits`."""
        return await self._inner.info(key)

    async def read(self, key: str, first: int, stop: int) -> bytes | memoryview:
        """Decrypt the frames of a range."""
        content = await self.read_some(key, first, stop)
        if len(content) != stop - first:
            raise StoreFailed(StoreFault.DAMAGED, f"{key} in {self.name} ends before byte {stop}")
        return content

    async def read_some(self, key: str, first: int, stop: int) -> bytes | memoryview:
        """Decrypt the frames of a range; a range beyond the end is empty."""
        known = key in self._ciphers
        try:
            return await self._read_frames(key, first, stop)
        except ValueError as error:
            if not known:
                raise self._damaged(key, error) from None
        self._ciphers.pop(key, None)  # it was replaced since, with another data key
        try:
            return await self._read_frames(key, first, stop)
        except ValueError as error:
            raise self._damaged(key, error) from None

    async def _read_frames(self, key: str, first: int, stop: int) -> bytes | memoryview:
        frames = frame_range(first, stop)
        start = frames.first
        if key not in self._ciphers and not _is_plain(key):
            start = 0 if frames.first <= NEAR_BYTES else start
            header = await self._inner.read_some(key, 0, frames.stop if start == 0 else HEADER_BYTES)
            self._ciphers[key] = await self._open(key, bytes(header[:HEADER_BYTES])) if is_header(header) else None
            if start == 0 and self._ciphers[key] is not None:
                return _content(self._ciphers[key], frames.number, header[frames.first :], first, stop)
        cipher = self._ciphers.get(key)
        if cipher is None:
            return await self._inner.read_some(key, first, stop)
        return _content(cipher, frames.number, await self._inner.read_some(key, start, frames.stop), first, stop)

    async def _open(self, key: str, header: bytes) -> AESGCM:
        return open_header(header, await self._keys.named(key, wrapping_id(header)), key)

    def fits(self, stored: int, size: int) -> bool:
        """Encrypted, or stored before encryption was turned on."""
        return stored in (stored_size(size), size)

    async def list(self, prefix: str, *, in_all: bool = False) -> AsyncIterator[ObjectInfo]:
        """All objects below a prefix, except keys."""
        async for info in self._inner.list(prefix, in_all=in_all):
            if not info.key.startswith(PREFIX):
                yield info

    async def folders(self, prefix: str) -> tuple[str, ...]:
        """The next segments below a prefix."""
        return await self._inner.folders(prefix)

    async def delete(self, keys: Iterable[str]) -> None:
        """Delete objects."""
        await self._inner.delete(keys)

    async def make_durable(self, keys: Iterable[str]) -> None:
        """Return once the objects would survive a power cut."""
        await self._inner.make_durable(keys)

    async def check(self) -> None:
        """Return if the store is there."""
        await self._inner.check()

    def _damaged(self, key: str, error: ValueError) -> StoreFailed:
        return StoreFailed(StoreFault.DAMAGED, f"{key} in {self.name} cannot be decrypted: {error}")


def _is_plain(key: str) -> bool:
    return key in PLAIN_KEYS or key.startswith(PREFIX)


def _seal(header: bytes, cipher: AESGCM, data: bytes) -> bytes:
    view = memoryview(data)
    count = len(data) // FRAME_BYTES + 1
    return header + b"".join(
        seal_frame(cipher, number, view[number * FRAME_BYTES : (number + 1) * FRAME_BYTES]) for number in range(count)
    )


async def _sealed_pieces(
    header: bytes, cipher: AESGCM, pieces: AsyncIterable[bytes | memoryview]
) -> AsyncIterator[bytes]:
    yield header
    waiting, number = bytearray(), 0
    async for piece in pieces:
        waiting += piece
        full = len(waiting) // FRAME_BYTES
        if full:
            view = bytes(waiting[: full * FRAME_BYTES])
            del waiting[: full * FRAME_BYTES]
            yield await asyncio.to_thread(_seal_full, cipher, number, view)
            number += full
    yield seal_frame(cipher, number, bytes(waiting))


def _seal_full(cipher: AESGCM, number: int, data: bytes) -> bytes:
    view = memoryview(data)
    return b"".join(
        seal_frame(cipher, number + start // FRAME_BYTES, view[start : start + FRAME_BYTES])
        for start in range(0, len(data), FRAME_BYTES)
    )


def _content(
    cipher: AESGCM | None, number: int, stored: bytes | memoryview, first: int, stop: int
) -> bytes | memoryview:
    """Bytes `first` to `stop` of the content out of frames from `number` on."""
    if cipher is None:
        return stored
    opened = list(open_frames(cipher, number, stored))
    before = first - number * FRAME_BYTES
    if len(opened) == 1:
        return memoryview(opened[0])[before : stop - number * FRAME_BYTES]
    return memoryview(b"".join(opened))[before : stop - number * FRAME_BYTES]
