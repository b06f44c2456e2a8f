"""Parts of an object: which range is asked upstream for a viewer's, and what a 206 is worth. Pure.

A range of a cold object goes upstream widened to whole slices, so that what comes can be kept (RFC 9110 §14.2 lets a
cache ask for more than it was asked). What a 206 brings counts only if its Content-Range can be trusted (§14.4).
"""

from __future__ import annotations

import re
from typing import NamedTuple

from cache.entry import Entry
from cache.slices import slice_key
from kernel.http.message import Fields, first, values
from kernel.http.ranges import MAX_RANGES, parse_content_range

MAX_RANGE_BYTES = 8
"""Slices that several ranges may span to be asked for as one; beyond it the first range is asked for."""
_SPEC = re.compile(rb"(?:(\d{1,15})-(\d{0,15})|-(\d{1,15}))")


class Part(NamedTuple):
    """What a 206 brings: bytes `first` to `stop` (not included) of `total`."""

    first: int
    stop: int
    total: int


def upstream_range(value: bytes | None, size: int) -> bytes | None:
    """The Range to ask upstream for a viewer's, of an object of unknown length in slices of `size` bytes.

    None: ask for the whole (no range, an invalid one, or one from the first byte to the last).
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
    said = [(match[1], match[2], match[3]) for match in found if match is not None]
    if any(begin and end and int(end) < int(begin) for begin, end, _ in said):
        return None
    begin, end, suffix = said[0]
    if suffix is not None:
        return b"bytes=-" + suffix
    low, high = int(begin), int(end) if end else None
    if all(begin and end for begin, end, _ in said):
        lowest, highest = min(int(begin) for begin, _, _ in said), max(int(end) for _, end, _ in said)
        if highest // size - lowest // size < MAX_RANGE_BYTES:
            low, high = lowest, highest
    return aligned(low, high, size)


def aligned(low: int, high: int | None, size: int) -> bytes | None:
    """`bytes=…` of the slices in which `low` to `high` (None: the end) lie; None where that is the whole."""
    start = low // size * size
    if high is None:
        return b"bytes=%d-" % start if start else None
    return b"bytes=%d-%d" % (start, (high // size + 1) * size - 1)


def part_of(fields: Fields, length: int | None) -> Part | None:
    """What the 206 with these fields and this Content-Length brings; None when that is not clear: no Content-Range or
    several, another unit, an unknown total, multipart, or lengths that do not agree."""
    told = values(fields, b"content-range")
    kind = (first(fields, b"content-type") or b"").lower()
    found = parse_content_range(told[0]) if len(told) == 1 else None
    if found is None or kind.startswith(b"multipart/byteranges"):
        return None
    (begin, stop), total = found
    if total is None or (length is not None and length != stop - begin):
        return None
    return Part(begin, stop, total)


def of_the_whole(fields: Fields) -> Fields:
    """The fields that a 200 would have had (RFC 9110 §15.3.7): those of the 206 without what describes the part."""
    return [pair for pair in fields if pair[0] not in (b"content-range", b"content-length")]


def strong_etag(etag: bytes | None) -> bytes | None:
    """An entity-tag under which parts may be combined (§15.3.7.3); None when it is weak or missing."""
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
    """Which bytes of the object a stored slice holds: all of the slice, or a piece; (0, 0) when it does not say."""
    begin, stop = number * size, min((number + 1) * size, total)
    if entry.length == stop - begin:
        return begin, stop
    told = parse_content_range(first(entry.fields, b"content-range") or b"")
    return (told[0].first, told[0].stop) if told is not None else (0, 0)
