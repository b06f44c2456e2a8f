"""The format of an object file: the body, then a trailer with the head and checksums.

    body | head | sums | magic 4 | version 4 | head length 4 | blocks 4 | body length 8 | xxh3 of head and sums 8

All numbers are little-endian. The head is MessagePack: `Entry.to_disk` and the file's own name. Each of the `sums` is
the xxh3 of one 64 KiB block of the body. A file is never served if its head, length or a block does not match. The body
comes first so that it is page-aligned: the kernel caches and sends it in large pieces (docs/decisions/0008). Nothing is
fsynced: after a power cut the checksums reveal an incomplete file, which is dropped (docs/decisions/0003).
"""

from __future__ import annotations

import os
import struct
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import msgspec
import xxhash

from cache.body import Chunk, DiskBody, write_all
from cache.entry import Vary, vary_of

MAGIC = b"MTNO"
VERSION = 4
"""4: the head names its own file."""
BLOCK = 64 * 1024
CHECK_CHUNK_BYTES = 4 * BLOCK
"""Bytes read before their checksums are verified: few enough to be still in the CPU cache."""
_FIXED = struct.Struct("<4sIIIQQ")
_SUM = struct.Struct("<Q")
_local = threading.local()
MAX_HEAD_BYTES = 1 << 20
"""A larger head is treated as damage."""


class Damaged(Exception):
    """The file is incomplete, changed or another object's; `str()` says what is wrong."""


def write_object(path: str | Path, head: dict[str, object], pieces: Sequence[Chunk]) -> int:
    """Write an object at `path`, replacing the rest of an interrupted write. `pieces` are the body.

    Returns a file descriptor that is open for reading too. Raises OSError."""
    raw = msgspec.msgpack.encode(head)
    sums = b"".join(map(_SUM.pack, _sums(pieces)))
    length = sum(map(len, pieces))
    check = xxhash.xxh3_64_intdigest(raw + sums)
    tail = raw + sums + _FIXED.pack(MAGIC, VERSION, len(raw), len(sums) // _SUM.size, length, check)
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    try:
        write_all(fd, [*pieces, tail])
    except BaseException:
        os.close(fd)
        raise
    return fd


def _sums(pieces: Sequence[Chunk]) -> Iterator[int]:
    """The checksum of each block, independent of how the body is cut into pieces."""
    partial, room = xxhash.xxh3_64(), BLOCK
    for piece in pieces:
        view = memoryview(piece)
        while len(view) >= room:
            if room == BLOCK:
                yield xxhash.xxh3_64_intdigest(view[:BLOCK])
            else:
                partial.update(view[:room])
                yield partial.intdigest()
                partial.reset()
            view, room = view[room:], BLOCK
        if view:
            partial.update(view)
            room -= len(view)
    if room < BLOCK:
        yield partial.intdigest()


@dataclass(frozen=True, slots=True)
class FileOf:
    """The identity that a file must have in its head: a file exchanged for that of another key, alternate or version is
    detected. No name is ever used twice."""

    name: str
    key: bytes
    vary: Vary = ()

    def check(self, head: Mapping[str, Any]) -> None:
        """Raises Damaged if this is the head of another object."""
        if head.get("key") != self.key:
            raise Damaged("another key")
        if head.get("name") != self.name:
            raise Damaged("another file")
        try:
            alternate = vary_of(head["vary"])
        except (KeyError, TypeError, ValueError):
            raise Damaged("the head has no valid Vary fields") from None
        if alternate != self.vary:
            raise Damaged("another alternate")


def read_head(path: Path, wanted: FileOf) -> dict[str, Any]:
    """The head of a file. Raises Damaged if it is incomplete or another object's, FileNotFoundError, or OSError."""
    with path.open("rb", buffering=0) as file:
        head, _, _ = _read_checked(file.fileno())
    wanted.check(head)
    return head


def read_object(path: Path, wanted: FileOf) -> tuple[dict[str, Any], bytes]:
    """(head, body) with every block verified. Raises Damaged or OSError."""
    with path.open("rb", buffering=0) as file:
        fd = file.fileno()
        head, sums, length = _read_checked(fd)
        wanted.check(head)
        body = _pread_all(fd, length, 0)
    _check_blocks(body, 0, sums)
    return head, body


def open_body(path: Path, wanted: FileOf, now: float) -> tuple[dict[str, Any], DiskBody]:
    """(head, body) with every block verified, the body as an open file. Raises Damaged or OSError."""
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        head, sums, length = _read_checked(fd)
        body = DiskBody(fd, length, now)  # race: it notes the mtime before the bytes are verified
    except BaseException:
        os.close(fd)
        raise
    wanted.check(head)
    buffer = _buffer()
    for at in range(0, len(body), CHECK_CHUNK_BYTES):
        part = buffer[: min(CHECK_CHUNK_BYTES, len(body) - at)]
        _read_into(fd, part, at)
        _check_blocks(part, at // BLOCK, sums)
    return head, body


def _buffer() -> memoryview:
    """A buffer of this thread, reused: fresh memory would cost more than the checksums."""
    made = getattr(_local, "buffer", None)
    if made is None:
        made = _local.buffer = memoryview(bytearray(CHECK_CHUNK_BYTES))
    return cast("memoryview", made)


def _read_into(fd: int, part: memoryview, offset: int) -> None:
    got = 0
    while got < len(part):  # a read may be cut short by a signal
        count = os.preadv(fd, [part[got:]], offset + got)
        if not count:
            raise Damaged("shorter than its head says")
        got += count


def _check_blocks(data: bytes | memoryview, first: int, sums: tuple[int, ...]) -> None:
    view = memoryview(data)
    for number, at in enumerate(range(0, len(data), BLOCK), first):
        if xxhash.xxh3_64_intdigest(view[at : at + BLOCK]) != sums[number]:
            raise Damaged(f"block {number} does not match its checksum")


def _read_checked(fd: int) -> tuple[dict[str, Any], tuple[int, ...], int]:
    """(head, block checksums, length of the body), verified against the trailer. Raises Damaged."""
    size = os.fstat(fd).st_size
    fixed = os.pread(fd, _FIXED.size, max(0, size - _FIXED.size))
    if len(fixed) < _FIXED.size:
        raise Damaged("shorter than a trailer")
    magic, version, head_length, blocks, body_length, check = _FIXED.unpack(fixed)
    if magic != MAGIC or version != VERSION:
        raise Damaged("not an object file of this version")
    rest_length = head_length + blocks * _SUM.size
    if head_length > MAX_HEAD_BYTES or blocks != -(-body_length // BLOCK):
        raise Damaged("its lengths contradict each other")
    if body_length + rest_length + _FIXED.size != size:
        raise Damaged("its lengths contradict each other")
    rest = _pread_all(fd, rest_length, body_length)
    if xxhash.xxh3_64_intdigest(rest) != check:
        raise Damaged("the head does not match its checksum")
    try:
        head = msgspec.msgpack.decode(rest[:head_length])
    except msgspec.DecodeError as error:
        raise Damaged(f"the head cannot be read: {error}") from None
    if not isinstance(head, dict):
        raise Damaged("the head is not a map")
    return head, struct.unpack(f"<{blocks}Q", rest[head_length:]), body_length


def _pread_all(fd: int, count: int, offset: int) -> bytes:
    data = os.pread(fd, count, offset)
    if len(data) == count:
        return data
    parts = [data]  # a read may be cut short by a signal or at 2 GiB
    got = len(data)
    while data and got < count:
        data = os.pread(fd, count - got, offset + got)
        parts.append(data)
        got += len(data)
    if got < count:
        raise Damaged("shorter than its head says")
    return b"".join(parts)
