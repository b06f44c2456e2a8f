"""The index file of the disk tier: it alone says which files are objects. A file that it does not name is never served.

    magic 8 | ( length 4 | xxh3 of the line 8 | line ) ...

A line is MessagePack, one of three:

    [name, key, status, ...]  the file exists; the fields are those of `Entry.to_index`; the last line of a name counts
    [nil, name, name, ...]    these files are removed; no later line brings a name back, since none is used twice
    [number]                  file numbers up to this one were used, even if no such file is left

So a start opens no object file, and a removed file stays removed even if it could not be deleted or was put back.
If a line cannot be written, its file is not kept. Removals that could not be recorded stay pending: they are written
before anything else, and `sync_removals` makes them durable. If the file is torn, the lines before the tear count, but
their objects are stale: the lost part may have recorded a purge.

Plain functions that run in threads. Over 300 lines because the writer and the reader share one format.
"""

from __future__ import annotations

import contextlib
import errno
import os
import struct
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import xxhash

from cache.body import write_all
from cache.entry import INDEXED
from system.durable_files import sync_path

MAGIC = b"MTNINDX2"
OLD_MAGIC = b"MTNINDX1"
"""The format of a release that served files without a line: its objects may have been purged, so they are dropped."""
_FIXED = struct.Struct("<IQ")
MAX_OBSOLETE_LINES = 20_000
"""The file is compacted when it has this many lines more than twice the lines that counted after the last
compaction."""
MAX_PENDING = 100_000
"""Removals that may be pending. Beyond it the whole file is declared void and rewritten, so that none of it counts at
the next start."""
MAX_REMEMBERED = 10_000
"""The latest removals that a compaction keeps: a line of such a file may still be about to be written."""

Line = list[Any]
"""The fields of a file's entry, in the order of `INDEXED`."""


@dataclass(slots=True)
class JournalContents:
    """The contents of an index file.

    `lines`: name -> line. `removed`: removed names in order. `last_number`: the highest file number used. `is_whole`:
    all of it could be read. `count`: lines read. `size`: bytes."""

    lines: dict[str, Line] = field(default_factory=dict)
    removed: dict[str, None] = field(default_factory=dict)
    last_number: int = 0
    is_whole: bool = True
    is_old_format: bool = False
    count: int = 0
    size: int = 0


class Journal:
    """The file at `path`; `last()` returns the highest file number used."""

    def __init__(self, path: Path, last: Callable[[], int] = lambda: 0) -> None:
        self._path = path
        self._last = last
        self._fd = -1
        self._guard = threading.Lock()
        self._lines, self._compact_at = 0, MAX_OBSOLETE_LINES
        self._size = self._number = 0
        self._is_compacting = self._void = self._torn = False
        self._unsynced = False
        self._pending: list[str] = []

    @property
    def pending_removals(self) -> int:
        """Removals that are not recorded yet; 1 if the whole file is void."""
        return max(len(self._pending), int(self._void))

    def read(self) -> JournalContents:
        """Read the file; empty if it is missing or not ours."""
        try:
            raw = self._path.read_bytes()
        except OSError as error:
            return JournalContents(is_whole=isinstance(error, FileNotFoundError))
        return parse(raw)

    def start(self, known: JournalContents, lines: Mapping[str, Line] | None = None) -> None:
        """Open the file that `read` returned for appending; with `lines`, replace it first by a file of these lines.

        Raises OSError on failure; the next append tries again."""
        with self._guard:
            self._number = known.last_number
            if lines is not None:
                self._void = True  # until it is rewritten, nothing in the old file counts
                records = [_packed(msgspec.msgpack.encode([name, *line])) for name, line in lines.items()]
                self._rewrite(records)
                return
            self._close_fd()
            self._fd = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC)
            self._size, self._lines = known.size, known.count
            self._compact_at = 2 * len(known.lines) + MAX_OBSOLETE_LINES

    def record_object(self, name: str, head: Mapping[str, Any]) -> None:
        """Record a new file or renewed fields. On OSError the next start will not know the file."""
        self._append(msgspec.msgpack.encode([name, *(head[one] for one in INDEXED)]))

    def record_removed(self, names: Sequence[str]) -> bool:
        """Record removals; False if that failed, then they are pending."""
        try:
            self._append(_encode_removed(names), len(names))
        except OSError:
            with self._guard:
                self._add_pending(names)
            return False
        return True

    def sync_removals(self) -> None:
        """Make all removals durable. On OSError a later start may miss some of them."""
        with self._guard:
            if self._pending or self._void or self._torn:
                self._write(b"", 0)
            if self._unsynced and self._fd >= 0:
                try:
                    os.fdatasync(self._fd)
                except OSError:
                    # The kernel may have dropped the pages it could not write: a second fdatasync would report success.
                    self._void = True
                    raise
            self._unsynced = False

    def _add_pending(self, names: Sequence[str]) -> None:
        if self._void:
            return
        self._pending += names
        if len(self._pending) > MAX_PENDING:
            self._pending.clear()
            self._void = True

    def _append(self, line: bytes, count: int = 1) -> None:
        with self._guard:
            self._write(_packed(line), count)
            if self._lines <= self._compact_at or self._is_compacting:
                return
            self._is_compacting, fd, size, lines = True, self._fd, self._size, self._lines
        self._compact(fd, size, lines)

    def _write(self, record: bytes, count: int) -> None:
        """Append a record, after the pending removals."""
        if self._fd < 0 or self._void:
            self._rewrite([])
        if self._torn:
            os.ftruncate(self._fd, self._size)
            self._torn = False
        pending = list(self._pending)
        data = (_packed(_encode_removed(pending)) if pending else b"") + record
        self._unsynced = True
        try:
            if os.write(self._fd, data) != len(data):
                raise OSError(errno.ENOSPC, "short write")
        except OSError:
            self._cut_back()
            raise
        self._size += len(data)
        self._lines += count + len(pending)
        del self._pending[: len(pending)]

    def _cut_back(self) -> None:
        """Remove a half-written line: the lines after it could not be read."""
        try:
            os.ftruncate(self._fd, self._size)
        except OSError:
            self._torn = True

    def _rewrite(self, records: Iterable[bytes]) -> None:
        """Replace the file by one with these records."""
        records = list(records)
        number = _packed(msgspec.msgpack.encode([max(self._number, self._last())]))
        self._path.with_suffix(".new").write_bytes(MAGIC + number + b"".join(records))
        self._install_new(len(records), b"")
        self._void = False

    # -- compaction --------------------------------------------------------------------------------------------

    def _compact(self, fd: int, size: int, lines: int) -> None:
        """Rewrite the file without obsolete lines while other threads append; their lines are copied at the end. On
        failure the old file stays in use and grows."""
        try:
            with self._path.open("rb") as file:
                known = parse(file.read(size))
            if not known.is_whole:
                raise OSError("torn")
            number = max(known.last_number, self._last())
            records = [_packed(msgspec.msgpack.encode([number]))]
            records += [_packed(msgspec.msgpack.encode([name, *line])) for name, line in known.lines.items()]
            if last := list(known.removed)[-MAX_REMEMBERED:]:
                records.append(_packed(_encode_removed(last)))
            self._path.with_suffix(".new").write_bytes(MAGIC + b"".join(records))
            with self._guard:
                if self._fd == fd and not self._void:
                    with self._path.open("rb") as file:
                        file.seek(size)
                        self._install_new(
                            len(known.lines) + len(last) + self._lines - lines, file.read(self._size - size)
                        )
        except OSError:
            with self._guard:
                self._compact_at = self._lines + MAX_OBSOLETE_LINES
        finally:
            self._is_compacting = False

    def _install_new(self, lines: int, more: bytes) -> None:
        """Append `more` to the new file and rename it over the old one; it has `lines` lines.

        It is fsynced first: a purge that was acknowledged must survive a power cut."""
        temporary = self._path.with_suffix(".new")
        fd = os.open(temporary, os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC)
        try:
            write_all(fd, [more])
            os.fsync(fd)
            temporary.replace(self._path)
            size = os.fstat(fd).st_size
        except BaseException:
            os.close(fd)
            raise
        self._close_fd()
        self._fd, self._lines, self._size = fd, lines, size
        self._compact_at = 2 * lines + MAX_OBSOLETE_LINES
        self._torn = False
        sync_path(self._path.parent)

    def _close_fd(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def close(self) -> None:
        """Write pending removals if possible, and close the file."""
        with self._guard:
            with contextlib.suppress(OSError):
                if self._fd >= 0 and (self._pending or self._void or self._torn):
                    self._write(b"", 0)
            self._close_fd()

    def reset(self) -> None:
        """The folder was recreated and is empty: start a new file."""
        with self._guard:
            self._close_fd()
            self._pending.clear()
            self._void = self._torn = self._unsynced = False
            self._rewrite([])


def number_of(name: str) -> int:
    """The file number in a file name."""
    return int(name.rpartition("-")[2], 16)


def _encode_removed(names: Sequence[str]) -> bytes:
    return msgspec.msgpack.encode([None, *names])


def _packed(line: bytes) -> bytes:
    return _FIXED.pack(len(line), xxhash.xxh3_64_intdigest(line)) + line


def parse(raw: bytes) -> JournalContents:
    """Parse an index file up to the first invalid line. Pure."""
    if raw[: len(MAGIC)] != MAGIC:
        return JournalContents(is_whole=False, is_old_format=raw.startswith(OLD_MAGIC))
    found = JournalContents(size=len(raw))
    lines, removed, line_length = found.lines, found.removed, 1 + len(INDEXED)
    try:
        for line in _lines(raw):
            found.count += 1
            name = line[0]
            if name is None:
                found.count += len(line) - 2
                for one in line[1:]:
                    lines.pop(one, None)
                    removed[one] = None
            elif isinstance(name, int):
                found.last_number = max(found.last_number, name)
            elif len(line) != line_length:
                raise ValueError("a line of another version")
            elif name not in removed:
                del line[0]
                lines[name] = line
    except (ValueError, TypeError, IndexError, msgspec.DecodeError):
        found.is_whole = False
    found.last_number = max(
        found.last_number, max(map(number_of, lines), default=0), max(map(number_of, removed), default=0)
    )
    return found


def _lines(raw: bytes) -> Iterator[list[Any]]:
    """Each line in order. Raises ValueError at the first one that is torn or damaged."""
    at, unpack, digest, decode = len(MAGIC), _FIXED.unpack_from, xxhash.xxh3_64_intdigest, _DECODER.decode
    view = memoryview(raw)
    while at < len(raw):
        if at + _FIXED.size > len(raw):
            raise ValueError("torn")
        length, check = unpack(raw, at)
        stop = at + _FIXED.size + length
        line = view[at + _FIXED.size : stop]
        if len(line) != length or digest(line) != check:
            raise ValueError("torn")
        yield decode(line)
        at = stop


_DECODER = msgspec.msgpack.Decoder(list[Any])
