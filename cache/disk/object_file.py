"""One stored object as one file: the body, then a checked tail that says what it is.

    body | head | sums | magic 4 | version 4 | head length 4 | blocks 4 | body length 8 | xxh3 of head and sums 8

All numbers little-endian. The head is MessagePack: what `Entry.to_disk` says, and the file's own name. Each sum is the
xxh3 of one 64 KiB block of the body; a file whose head, length or any block does not agree is never served. The body
comes first so that it lies on whole pages, which the kernel then keeps, and sends, in large pieces
(docs/decisions/0008). Nothing here is fsynced: after a power cut a torn file is found by its sums and dropped
(docs/decisions/0003).
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

from cache.body import DiskBody, write_all
from cache.entry import Vary, vary_of

MAGIC = b"MTNO"
VERSION = 4
"""4: the head names its own file."""
BLOCK = 64 * 1024
CHECKED_AT_ONCE = 4 * BLOCK
"""Bytes read and summed at a time: they are still in the processor's cache when they are summed."""
_FIXED = struct.Struct("<4sIIIQQ")
_SUM = struct.Struct("<Q")
_local = threading.local()
MAX_HEAD_BYTES = 1 << 20
"""A larger head is no head of ours."""


class Damaged(Exception):
    """The file is not whole, or not ours; `str()` says what is wrong."""


def write_object(path: str | Path, head: dict[str, object], pieces: Sequence[bytes | memoryview]) -> int:
    """Write an object at `path`, over whatever a broken write left there; the file's descriptor, open for reading too.

    `pieces` are the body. OSError as the system says it."""
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


def _sums(pieces: Sequence[bytes | memoryview]) -> Iterator[int]:
    """Of each block, wherever the pieces are cut."""
    begun, room = xxhash.xxh3_64(), BLOCK
    for piece in pieces:
        view = memoryview(piece)
        while len(view) >= room:
            if room == BLOCK:
                yield xxhash.xxh3_64_intdigest(view[:BLOCK])
            else:
                begun.update(view[:room])
                yield begun.intdigest()
                begun.reset()
            view, room = view[room:], BLOCK
        if view:
            begun.update(view)
            room -= len(view)
    if room < BLOCK:
        yield begun.intdigest()


@dataclass(frozen=True, slots=True)
class FileOf:
    """Which file it is, as its head says and the books do: a file that was exchanged for another, of whatever key,
    alternate or age, is not taken for it. No name is ever used twice."""

    name: str
    key: bytes
    vary: Vary = ()

    def check(self, head: Mapping[str, Any]) -> None:
        """Damaged when this head is another's."""
        if head.get("key") != self.key:
            raise Damaged("another key")
        if head.get("name") != self.name:
            raise Damaged("another file")
        try:
            alternate = vary_of(head["vary"])
        except (KeyError, TypeError, ValueError):
            raise Damaged("the head says no alternate") from None
        if alternate != self.vary:
            raise Damaged("another alternate")


def read_head(path: Path, wanted: FileOf) -> dict[str, Any]:
    """The head of a file; Damaged when it is not whole or another's, FileNotFoundError when it is gone."""
    with path.open("rb", buffering=0) as file:
        head, _, _ = _read_checked(file.fileno())
    wanted.check(head)
    return head


def read_object(path: Path, wanted: FileOf) -> tuple[dict[str, Any], bytes]:
    """(head, body) with every block verified, of the file that is wanted; Damaged otherwise."""
    with path.open("rb", buffering=0) as file:
        fd = file.fileno()
        head, sums, length = _read_checked(fd)
        wanted.check(head)
        body = _pread_all(fd, length, 0)
    _check_blocks(body, 0, sums)
    return head, body


def open_body(path: Path, wanted: FileOf, now: float) -> tuple[dict[str, Any], DiskBody]:
    """(head, body) as an open file, every block verified, of the file that is wanted; Damaged otherwise."""
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        head, sums, length = _read_checked(fd)
        body = DiskBody(fd, length, now)  # takes its date before the bytes are looked at
    except BaseException:
        os.close(fd)
        raise
    wanted.check(head)
    buffer = _buffer()
    for at in range(0, len(body), CHECKED_AT_ONCE):
        part = buffer[: min(CHECKED_AT_ONCE, len(body) - at)]
        _read_into(fd, part, at)
        _check_blocks(part, at // BLOCK, sums)
    return head, body


def _buffer() -> memoryview:
    """This thread's, used again and again: fresh memory would cost more than the sums."""
    made = getattr(_local, "buffer", None)
    if made is None:
        made = _local.buffer = memoryview(bytearray(CHECKED_AT_ONCE))
    return cast("memoryview", made)


def _read_into(fd: int, part: memoryview, offset: int) -> None:
    got = 0
    while got < len(part):  # a read may be cut short by a signal
        count = os.preadv(fd, [part[got:]], offset + got)
        if not count:
            raise Damaged("shorter than it says")
        got += count


def _check_blocks(data: bytes | memoryview, first: int, sums: tuple[int, ...]) -> None:
    view = memoryview(data)
    for number, at in enumerate(range(0, len(data), BLOCK), first):
        if xxhash.xxh3_64_intdigest(view[at : at + BLOCK]) != sums[number]:
            raise Damaged(f"block {number} does not agree with its sum")


def _read_checked(fd: int) -> tuple[dict[str, Any], tuple[int, ...], int]:
    """(head, block sums, length of the body), checked."""
    size = os.fstat(fd).st_size
    fixed = os.pread(fd, _FIXED.size, max(0, size - _FIXED.size))
    if len(fixed) < _FIXED.size:
        raise Damaged("shorter than a tail")
    magic, version, head_length, blocks, body_length, check = _FIXED.unpack(fixed)
    if magic != MAGIC or version != VERSION:
        raise Damaged("not an object of this version")
    rest_length = head_length + blocks * _SUM.size
    if head_length > MAX_HEAD_BYTES or blocks != -(-body_length // BLOCK):
        raise Damaged("lengths do not agree")
    if body_length + rest_length + _FIXED.size != size:
        raise Damaged("lengths do not agree")
    rest = _pread_all(fd, rest_length, body_length)
    if xxhash.xxh3_64_intdigest(rest) != check:
        raise Damaged("the head does not agree with its sum")
    try:
        head = msgspec.msgpack.decode(rest[:head_length])
    except msgspec.DecodeError as error:
        raise Damaged(f"the head cannot be read: {error}") from None
    if not isinstance(head, dict):
        raise Damaged("the head is no map")
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
        raise Damaged("shorter than it says")
    return b"".join(parts)
