"""Parts of an object: which range is requested upstream for a viewer's, and whether a 206 can be used. Pure.

A range of an object that is not cached is widened to whole slices, so that the response can be stored (RFC 9110 §14.2
lets a cache request more than the viewer did). A 206 counts only if its Content-Range can be trusted (§14.4).
"""

from __future__ import annotations

import re
from typing import NamedTuple

from cache.entry import Entry
from cache.slices import slice_key
from kernel.http.message import Fields, first, values
from kernel.http.ranges import MAX_RANGES, parse_content_range

MAX_RANGE_SLICES = 8
"""Slices that several ranges may span to be requested as one range; beyond it only the first range is requested."""
_SPEC = re.compile(rb"(?:(\d{1,15})-(\d{0,15})|-(\d{1,15}))")


class Part(NamedTuple):
    """What a 206 holds: the bytes `first` to `stop` (exclusive) of `total`."""

    first: int
    stop: int
    total: int


def upstream_range(value: bytes | None, size: int) -> bytes | None:
    """The Range to request upstream for a viewer's, of an object of unknown length in slices of `size` bytes.

    None: request the whole (no range, an invalid one, or one from the first byte to the last).
    """
    if value is None or not size:
        return None
    unit, equals, listed = value.partition(b"=")
    if not equals or unit.strip(b" \t").lower() != b"bytes":
        return None
    specs = [part for raw in listed.split(b",") if (part := raw.strip(b" \t"))]
    found = [_SPEC.fullmatch(spec) for spec in specs]
    if not 1 <= len(found) <= MAX_RANGES or not all(found):
        return None
    bounds = [(match[1], match[2], match[3]) for match in found if match is not None]
    if any(begin and end and int(end) < int(begin) for begin, end, _ in bounds):
        return None
    begin, end, suffix = bounds[0]
    if suffix is not None:
        return b"bytes=-" + suffix
    low, high = int(begin), int(end) if end else None
    if all(begin and end for begin, end, _ in bounds):
        lowest, highest = min(int(begin) for begin, _, _ in bounds), max(int(end) for _, end, _ in bounds)
        if highest // size - lowest // size < MAX_RANGE_SLICES:
            low, high = lowest, highest
    return aligned(low, high, size)


def aligned(low: int, high: int | None, size: int) -> bytes | None:
    """`bytes=…` of the slices that hold `low` to `high` (None: the end); None if that is the whole."""
    start = low // size * size
    if high is None:
        return b"bytes=%d-" % start if start else None
    return b"bytes=%d-%d" % (start, (high // size + 1) * size - 1)


def part_of(fields: Fields, length: int | None) -> Part | None:
    """What the 206 with these fields and this Content-Length holds. None if it is not clear: no Content-Range or
    several, another unit, an unknown total, multipart, or lengths that disagree."""
    ranges = values(fields, b"content-range")
    kind = (first(fields, b"content-type") or b"").lower()
    found = parse_content_range(ranges[0]) if len(ranges) == 1 else None
    if found is None or kind.startswith(b"multipart/byteranges"):
        return None
    (begin, stop), total = found
    if total is None or (length is not None and length != stop - begin):
        return None
    return Part(begin, stop, total)


def of_the_whole(fields: Fields) -> Fields:
    """The fields of the 200 that this 206 is a part of (RFC 9110 §15.3.7): without those that describe the part."""
    return [pair for pair in fields if pair[0] not in (b"content-range", b"content-length")]


def strong_etag(etag: bytes | None) -> bytes | None:
    """An entity-tag under which parts may be combined (RFC 9110 §15.3.7.3); None if it is weak or missing."""
    return etag if etag is not None and etag.startswith(b'"') else None


def slice_entry(whole: Entry, number: int, begin: int, stop: int) -> Entry:
    """The entry of a slice, or of the piece of one that holds the bytes `begin` to `stop`."""
    fields = [(b"content-range", b"bytes %d-%d/%d" % (begin, stop - 1, whole.length or stop))]
    fields += [pair for pair in whole.fields if pair[0] == b"surrogate-key"]
    made = Entry(slice_key(whole.key, number), 206, fields, stop - begin)
    made.mark, made.vary = whole.mark, whole.vary
    made.born, made.fresh_until = whole.born, whole.fresh_until
    made.windows = whole.windows
    return made


def stored_span(entry: Entry, number: int, size: int, total: int) -> tuple[int, int]:
    """The bytes of the object that a stored slice holds: all of the slice, or a piece; (0, 0) if it does not say."""
    begin, stop = number * size, min((number + 1) * size, total)
    if entry.length == stop - begin:
        return begin, stop
    span = parse_content_range(first(entry.fields, b"content-range") or b"")
    return (span[0].first, span[0].stop) if span is not None else (0, 0)
