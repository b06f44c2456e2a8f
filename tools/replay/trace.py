"""Stream a trace of requests with lines `time,obj_id,obj_size`; invalid lines are reported by number and field."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

FIELDS = ("time", "obj_id", "obj_size")
MAX_LINE_LENGTH = 4096
_REQUEST = re.compile(rb"[ \t]*-?[0-9]+(?:\.[0-9]*)?(?:[eE][-+]?[0-9]+)?[ \t]*,([^,\s]+)[ \t]*,[ \t]*([0-9]{1,15})\s*")
_TIME = re.compile(rb"-?[0-9]+(?:\.[0-9]*)?(?:[eE][-+]?[0-9]+)?")
_MAX_BYTES = 10**15


class LineError(NamedTuple):
    """Why a line is invalid; `field` is "" for the whole line."""

    line: int
    field: str
    why: str

    def __str__(self) -> str:
        return f"field `{self.field}`: {self.why}" if self.field else self.why


def read_trace(stream: BinaryIO) -> Iterator[tuple[bytes, int] | LineError]:
    """Yield (object id, size in bytes) of each request, or the error of an invalid line.

    Empty lines and a header in line 1 are passed over. Lines are counted from 1 and read up to `MAX_LINE_LENGTH` bytes.
    """
    match, number = _REQUEST.fullmatch, 0
    while line := stream.readline(MAX_LINE_LENGTH):
        number += 1
        if found := match(line):
            yield found[1], int(found[2])
        elif len(line) == MAX_LINE_LENGTH and not line.endswith(b"\n"):
            _skip_rest(stream)
            yield LineError(number, "", f"is longer than {MAX_LINE_LENGTH} bytes")
        else:
            fields = [field.strip() for field in line.removeprefix(b"\xef\xbb\xbf").split(b",")]
            if fields == [b""] or (number == 1 and _is_header(fields)):
                continue
            yield _parse(fields, number)


def _skip_rest(stream: BinaryIO) -> None:
    while (rest := stream.readline(MAX_LINE_LENGTH)) and not rest.endswith(b"\n"):
        pass


def _is_header(fields: list[bytes]) -> bool:
    return [field.lower() for field in fields] == [name.encode() for name in FIELDS]


def _parse(fields: list[bytes], number: int) -> tuple[bytes, int] | LineError:
    """Parse a line that the fast pattern does not match: a valid but unusual one, or an error naming the field."""
    if len(fields) != len(FIELDS):
        count = f"{len(fields)} field" + "s" * (len(fields) != 1)
        return LineError(number, "", f"has {count} instead of three: {','.join(FIELDS)}")
    when, object_id, size = fields
    if not _TIME.fullmatch(when):
        return LineError(number, "time", f"{_shown(when)} is not a number of seconds")
    if not object_id:
        return LineError(number, "obj_id", "is empty")
    if not re.fullmatch(rb"[0-9]+", size):
        return LineError(number, "obj_size", f"{_shown(size)} is not a whole number of bytes")
    if int(size[:20]) >= _MAX_BYTES:
        return LineError(number, "obj_size", f"{_shown(size)} is not a valid size of an object")
    return object_id, int(size)


def _shown(field: bytes) -> str:
    text = field.decode("utf-8", errors="replace")
    return repr(text if len(text) <= 40 else text[:40] + "…")
