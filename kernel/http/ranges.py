"""Byte ranges (RFC 9110 §14): the ranges that a Range field selects of a representation of known length."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import NamedTuple

MAX_RANGES = 8
"""More ranges than this in one request are ignored: the whole is sent (§14.2 allows it)."""

_SPEC = re.compile(rb"(?:(?P<first>\d+)-(?P<last>\d+)?|-(?P<suffix>\d+))")
_BEYOND = 10**18
"""A position that no representation reaches; a longer number counts as this one."""


class ByteRange(NamedTuple):
    """`first` to `stop`, `stop` not included."""

    first: int
    stop: int


class Unsatisfiable:
    """The ranges select no byte: 416 with `Content-Range: bytes */length` (§15.5.17)."""


UNSATISFIABLE = Unsatisfiable()


def parse_range(value: bytes, length: int) -> tuple[ByteRange, ...] | Unsatisfiable | None:
    """The satisfiable ranges, in the requested order.

    None: ignore the field. It has another unit, is malformed, has too many or overlapping ranges, or selects the last
    bytes of an empty representation, which no Content-Range can express.
    """
    unit, equals, specs = value.partition(b"=")
    if not equals or unit.strip(b" \t").lower() != b"bytes":
        return None
    parts = [part for raw in specs.split(b",") if (part := raw.strip(b" \t"))]
    if not 1 <= len(parts) <= MAX_RANGES:
        return None
    found: list[ByteRange] = []
    for part in parts:
        match = _SPEC.fullmatch(part)
        if match is None:
            return None
        if match["suffix"] is not None:
            suffix = _position(match["suffix"])
            if suffix and not length:
                return None
            first, stop = max(0, length - suffix), length
        else:
            first = _position(match["first"])
            last = _BEYOND if match["last"] is None else _position(match["last"])
            if last < first:
                return None  # last before first makes the whole field invalid (§14.1.1)
            stop = min(last + 1, length)
        if first < stop:
            found.append(ByteRange(first, stop))
    if not found:
        return UNSATISFIABLE
    ordered = sorted(found)
    if any(one.stop > other.first for one, other in pairwise(ordered)):
        return None  # overlapping: refused, or a few bytes of request cost many of response (§14.2, §17.15)
    return tuple(found)


def _position(digits: bytes) -> int:
    return int(digits) if len(digits) < 19 else min(int(digits.lstrip(b"0")[:19] or b"0"), _BEYOND)


_CONTENT_RANGE = re.compile(rb"bytes (\d{1,18})-(\d{1,18})/(\d{1,18}|\*)", re.IGNORECASE)


def parse_content_range(value: bytes) -> tuple[ByteRange, int | None] | None:
    """(range, complete length or None) of a 206's Content-Range; None when it is invalid (§14.4)."""
    match = _CONTENT_RANGE.fullmatch(value.strip())
    if match is None:
        return None
    first, stop = int(match[1]), int(match[2]) + 1
    length = None if match[3] == b"*" else int(match[3])
    if stop <= first or (length is not None and stop > length):
        return None
    return ByteRange(first, stop), length
