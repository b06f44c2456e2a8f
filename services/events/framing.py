"""How records lie in a segment file: length, checksum, payload. Pure.

    0        4             12
    | length | XXH3 64     | payload …

Little-endian. The checksum covers the payload and is seeded with the record's position in the log, so that a block of
an older file never passes for a record. The top bit of `length` marks an erased record: its payload is zeros, and its
length stays, so that positions after it do not move.
"""

from __future__ import annotations

from collections.abc import Iterator
from struct import Struct
from typing import NamedTuple

import xxhash

_HEADER = Struct("<IQ")
HEADER_BYTES = _HEADER.size
MAX_RECORD_BYTES = 1 << 20
_ERASED = 1 << 31


class Framed(NamedTuple):
    """One record of a segment. `payload` is None when it was erased; `end` is the position of the next record."""

    position: int
    payload: bytes | None
    end: int


def frame_record(payload: bytes, position: int) -> bytes:
    """The bytes of a record that starts at this position of the log. Raises ValueError above MAX_RECORD_BYTES."""
    if not 0 < len(payload) <= MAX_RECORD_BYTES:
        raise ValueError(f"a record has 1 to {MAX_RECORD_BYTES} bytes, not {len(payload)}")
    return _HEADER.pack(len(payload), _checksum(payload, position)) + payload


def frame_erased(length: int, position: int) -> bytes:
    """The bytes of an erased record whose payload had this length."""
    payload = bytes(length)
    return _HEADER.pack(length | _ERASED, _checksum(payload, position)) + payload


def read_records(data: bytes, base: int, start: int = 0) -> Iterator[Framed]:
    """The whole and valid records of a segment from an offset on; it ends before the first that is neither.

    `base` is the position of the segment's first byte.
    """
    while (record := read_record(data, base, start)) is not None:
        yield record
        start = record.end - base


def read_record(data: bytes, base: int, offset: int) -> Framed | None:
    """The record at an offset of a segment; None when none that is whole and valid starts there."""
    if offset + HEADER_BYTES > len(data):
        return None
    length, checksum = _HEADER.unpack_from(data, offset)
    is_erased, length = length & _ERASED, length & ~_ERASED
    end = offset + HEADER_BYTES + length
    if not 0 < length <= MAX_RECORD_BYTES or end > len(data):
        return None
    payload = data[offset + HEADER_BYTES : end]
    if _checksum(payload, base + offset) != checksum:
        return None
    return Framed(base + offset, None if is_erased else payload, base + end)


def _checksum(payload: bytes, position: int) -> int:
    return xxhash.xxh3_64_intdigest(payload, seed=position)
