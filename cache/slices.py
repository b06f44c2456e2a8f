"""Slices: a large object is cached in aligned parts, each an entry of its own beside that of the whole. Pure.

The whole's entry holds status, fields and length, and no body; `entry.slice` is the size of its slices. Slice n holds
the bytes from `n * size` on, stored under the object's cache key and its number; both must have the same strong ETag.
"""

from __future__ import annotations

_MARK = b"\0"
"""Between a cache key and a slice's number: no request can bring it."""


def slice_key(key: bytes, number: int) -> bytes:
    """The cache key of an object's slice."""
    return b"%s%s%d" % (key, _MARK, number)


def object_key(key: bytes) -> bytes:
    """The cache key of the object whose slice, or whole, this is."""
    return key.partition(_MARK)[0]


def is_slice(key: bytes) -> bool:
    """Whether a cache key is a slice's."""
    return _MARK in key


def byte_range(number: int, size: int, length: int) -> tuple[int, int]:
    """First byte of a slice and the one after its last, of an object of `length` bytes."""
    return number * size, min((number + 1) * size, length)


def slice_numbers(first: int, stop: int, size: int) -> range:
    """The slices in which the bytes `first` to `stop` (not included) lie."""
    return range(first // size, -(-stop // size)) if stop > first else range(0)
