"""Slices: a large object is cached in aligned parts, each with an entry of its own. Pure.

The entry of the sliced object itself holds status, fields and length, but no body; its `slice` is the slice size in
bytes. Slice n holds the bytes from `n * size` and is stored under the object's cache key plus n. Both must have the
same strong ETag.
"""

from __future__ import annotations

_MARK = b"\0"
"""Separates a cache key and a slice number: no request can contain it."""


def slice_key(key: bytes, number: int) -> bytes:
    """The cache key of slice `number` of an object."""
    return b"%s%s%d" % (key, _MARK, number)


def slice_number(key: bytes) -> int:
    """The number of the slice with this cache key."""
    return int(key.partition(_MARK)[2])


def object_key(key: bytes) -> bytes:
    """The cache key of the object that a slice belongs to; an object's own key is returned as it is."""
    return key.partition(_MARK)[0]


def is_slice(key: bytes) -> bool:
    """Whether this is the cache key of a slice."""
    return _MARK in key


def byte_range(number: int, size: int, length: int) -> tuple[int, int]:
    """(first, stop) of a slice of an object of `length` bytes; `stop` is exclusive."""
    return number * size, min((number + 1) * size, length)


def slice_numbers(first: int, stop: int, size: int) -> range:
    """The numbers of the slices that contain the bytes `first` to `stop` (exclusive)."""
    return range(first // size, -(-stop // size)) if stop > first else range(0)
