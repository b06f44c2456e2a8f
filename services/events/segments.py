"""The folder of segment files: which there are, where each ends, and how a cursor finds its next record.

A file is named by the position of its first byte, in 16 hexadecimal digits. Positions only grow and are never used
twice: after a restart a new file starts beyond anything that a reader can have seen of the old one, so that a cursor
stays good even where a power cut took records that were read but not yet flushed.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from services.events.framing import HEADER_BYTES, MAX_RECORD_BYTES, Framed, frame_erased, read_record, read_records

SUFFIX = ".events"
MAX_SEGMENTS = 100_000
READ_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Segment:
    """One file of the log; `base` is the position of its first byte."""

    path: Path
    base: int

    def size(self) -> int:
        """Its length in bytes; 0 when it has been removed."""
        try:
            return self.path.stat().st_size
        except FileNotFoundError:
            return 0


@dataclass(frozen=True, slots=True)
class Page:
    """Records from a cursor on. `cursor` is where to go on; `skipped` bytes could not be read and were passed over.

    A cursor below the oldest record that is still kept counts the bytes between as skipped.
    """

    records: tuple[Framed, ...]
    cursor: int
    skipped: int = 0


def segment_path(folder: Path, base: int) -> Path:
    """The file of a segment."""
    return folder / f"{base:016x}{SUFFIX}"


def list_segments(folder: Path) -> list[Segment]:
    """All segments, oldest first. Files of other names are ignored."""
    found = []
    for path in folder.glob(f"*{SUFFIX}"):
        try:
            found.append(Segment(path, int(path.stem, 16)))
        except ValueError:
            continue
    return sorted(found, key=lambda segment: segment.base)


def find_end(segment: Segment) -> int:
    """The position after the last whole record of a segment."""
    end = segment.base
    for record in read_records(segment.path.read_bytes(), segment.base):
        end = record.end
    return end


def read_page(folder: Path, cursor: int, max_bytes: int = READ_BYTES) -> Page:
    """Records from a cursor on, about `max_bytes` of them. Raises OSError.

    A damaged record ends its segment: what follows it there is skipped, because nothing says where the next one starts.
    The newest segment may end in a record that is still being written: the page stops there and skips nothing.
    """
    segments = list_segments(folder)
    if not segments:
        return Page((), cursor)
    skipped = max(0, segments[0].base - cursor)
    cursor = max(cursor, segments[0].base)
    index = max(number for number, segment in enumerate(segments) if segment.base <= cursor)
    for number in range(index, len(segments)):
        segment, is_newest = segments[number], number == len(segments) - 1
        offset = max(0, cursor - segment.base)
        records, left = _read_from(segment, offset, max_bytes)
        if records:
            return Page(tuple(records), records[-1].end, skipped)
        if is_newest:
            break
        # After a restart positions jump: a cursor beyond the end of a segment has lost nothing.
        skipped += left
        cursor = segments[number + 1].base
    return Page((), cursor, skipped)


def _read_from(segment: Segment, offset: int, max_bytes: int) -> tuple[list[Framed], int]:
    """The records from an offset on, and how many bytes after it are no record."""
    try:
        with segment.path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            file.seek(offset)
            data = file.read(max(max_bytes, MAX_RECORD_BYTES + HEADER_BYTES))
    except FileNotFoundError:  # removed by retention since it was listed
        return [], 0
    records = list(read_records(data, segment.base + offset))
    return records, 0 if records else max(0, size - offset)


def erased_copy(segment: Segment, matches: Callable[[bytes], bool]) -> bytes | None:
    """The segment's bytes with the payload of each matching record replaced by zeros; None when none matches.

    `matches(payload)` decides. Positions and lengths stay as they are.
    """
    data = segment.path.read_bytes()
    parts: list[bytes] = []
    copied = offset = 0
    while (record := read_record(data, segment.base, offset)) is not None:
        end = record.end - segment.base
        if record.payload is not None and matches(record.payload):
            parts += (data[copied:offset], frame_erased(len(record.payload), record.position))
            copied = end
        offset = end
    if not parts:
        return None
    return b"".join((*parts, data[copied:]))
