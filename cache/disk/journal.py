"""The index beside the files: it alone says which of them are objects. What it does not name is never served.

    magic 8 | ( length 4 | xxh3 of the line 8 | line ) ...

A line is MessagePack, one of three:

    [name, key, status, ...]  a file is there, and what `Entry.to_index` says of it; the last one of a name counts
    [nil, name, name, ...]    these have to go: no later line brings a name back, since none is used twice
    [number]                  file numbers up to here were given out, though nothing may be left of them

So a start opens no file, and a file that had to go and could not be removed, or that somebody puts back, is no object.
If a line cannot be written, its file is not kept. Removals that could not be recorded stay pending: they are written
before anything else, and `sync_removals` makes them durable. Where a file is torn, the lines before the tear count, but
what they name is stale: a purge may have been in the lost part.

Plain functions, to be run in threads. Over 300 lines because what is written and what is read are one format.
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
"""Of a release that took files without a line for objects: what lies beside it is not known to be unpurged."""
_FIXED = struct.Struct("<IQ")
SPARE_LINES = 20_000
"""The file is written anew when it has so many lines more than twice those that counted the last time."""
MAX_OWED = 100_000
"""Names owed at a time. Beyond it none of what the file says may count at the next start: it is begun anew."""
MAX_REMEMBERED = 10_000
"""Names that had to go last: said again when the file is written anew, since a line of theirs may be under way."""

Line = list[Any]
"""What is known of a file, in the order of `INDEXED`."""


@dataclass(slots=True)
class JournalContents:
    """What an index says: lines by name, and names that had to go, in their order; the highest number given out;
    whether the whole of it could be read, and whether it is of an earlier format. `count`: lines read."""

    lines: dict[str, Line] = field(default_factory=dict)
    removed: dict[str, None] = field(default_factory=dict)
    last_number: int = 0
    is_whole: bool = True
    is_old_format: bool = False
    count: int = 0
    size: int = 0


class Journal:
    """The file at `path`; `last()` is the highest file number given out."""

    def __init__(self, path: Path, last: Callable[[], int] = lambda: 0) -> None:
        self._path = path
        self._last = last
        self._fd = -1
        self._guard = threading.Lock()
        self._lines, self._compact_at = 0, SPARE_LINES
        self._size = self._number = 0
        self._is_compacting = self._void = self._torn = False
        self._unsynced = False
        self._owed: list[str] = []

    @property
    def pending_removals(self) -> int:
        """Files that had to go, which the file does not say yet; one, where it may not be believed as a whole."""
        return max(len(self._owed), int(self._void))

    def read(self) -> JournalContents:
        """What counts; nothing where there is no file, or none of ours."""
        try:
            raw = self._path.read_bytes()
        except OSError as error:
            return JournalContents(is_whole=isinstance(error, FileNotFoundError))
        return parse(raw)

    def start(self, known: JournalContents, lines: Mapping[str, Line] | None = None) -> None:
        """Begin to append: to the file that `read` found; or, with `lines`, to one made anew that says them alone.

        OSError when it cannot be done; it is tried again with the next line."""
        with self._guard:
            self._number = known.last_number
            if lines is not None:
                self._void = True  # whatever is there must not count
                records = [_packed(msgspec.msgpack.encode([name, *line])) for name, line in lines.items()]
                self._rewrite(records)
                return
            self._close_fd()
            self._fd = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC)
            self._size, self._lines = known.size, known.count
            self._compact_at = 2 * len(known.lines) + SPARE_LINES

    def record_object(self, name: str, head: Mapping[str, Any]) -> None:
        """A file was written, or what is known of it is new. OSError: the next start will not know it."""
        self._append(msgspec.msgpack.encode([name, *(head[one] for one in INDEXED)]))

    def record_removed(self, names: Sequence[str]) -> bool:
        """The files must not come back; whether that is written down, else it is owed."""
        try:
            self._append(_encode_removed(names), len(names))
        except OSError:
            with self._guard:
                self._owe(names)
            return False
        return True

    def sync_removals(self) -> None:
        """What has to go is written down, and on the disk. OSError: a later start may not know all of it."""
        with self._guard:
            if self._owed or self._void or self._torn:
                self._write(b"", 0)
            if self._unsynced and self._fd >= 0:
                try:
                    os.fdatasync(self._fd)
                except OSError:
                    self._void = True  # the kernel may have dropped what it could not write: asked again it says "done"
                    raise
            self._unsynced = False

    def _owe(self, names: Sequence[str]) -> None:
        if self._void:
            return
        self._owed += names
        if len(self._owed) > MAX_OWED:
            self._owed.clear()
            self._void = True

    def _append(self, line: bytes, count: int = 1) -> None:
        with self._guard:
            self._write(_packed(line), count)
            if self._lines <= self._compact_at or self._is_compacting:
                return
            self._is_compacting, fd, size, lines = True, self._fd, self._size, self._lines
        self._compact(fd, size, lines)

    def _write(self, record: bytes, count: int) -> None:
        """Append, after what is owed."""
        if self._fd < 0 or self._void:
            self._rewrite([])
        if self._torn:
            os.ftruncate(self._fd, self._size)
            self._torn = False
        owed = list(self._owed)
        data = (_packed(_encode_removed(owed)) if owed else b"") + record
        self._unsynced = True
        try:
            if os.write(self._fd, data) != len(data):
                raise OSError(errno.ENOSPC, "cut short")  # why a regular file takes no more, the next write would say
        except OSError:
            self._cut_back()
            raise
        self._size += len(data)
        self._lines += count + len(owed)
        del self._owed[: len(owed)]

    def _cut_back(self) -> None:
        """No half of a line may stay: what comes after it could not be read."""
        try:
            os.ftruncate(self._fd, self._size)
        except OSError:
            self._torn = True

    def _rewrite(self, records: Iterable[bytes]) -> None:
        """A new file of these lines in place of the old one."""
        records = list(records)
        number = _packed(msgspec.msgpack.encode([max(self._number, self._last())]))
        self._path.with_suffix(".new").write_bytes(MAGIC + number + b"".join(records))
        self._install_new(len(records), b"")
        self._void = False

    # -- anew, when most of it is old --------------------------------------------------------------------------

    def _compact(self, fd: int, size: int, lines: int) -> None:
        """By the one who came to it, while others append; what they did is taken over at the end. Where it fails the
        old file goes on, and grows."""
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
                self._compact_at = self._lines + SPARE_LINES
        finally:
            self._is_compacting = False

    def _install_new(self, lines: int, more: bytes) -> None:
        """The new file takes the place of the old one at once, after `more` is appended; it has so many lines.

        It is on the disk before it does: what a receipt was given for must not be lost with the power."""
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
        self._compact_at = 2 * lines + SPARE_LINES
        self._torn = False
        sync_path(self._path.parent)

    def _close_fd(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def close(self) -> None:
        """Let the file go, with what is owed, if that can be."""
        with self._guard:
            with contextlib.suppress(OSError):
                if self._fd >= 0 and (self._owed or self._void or self._torn):
                    self._write(b"", 0)
            self._close_fd()

    def reset(self) -> None:
        """The folder is another, in which nothing is: nothing of what was said before counts there."""
        with self._guard:
            self._close_fd()
            self._owed.clear()
            self._void = self._torn = self._unsynced = False
            self._rewrite([])


def number_of(name: str) -> int:
    """The number in a file's name."""
    return int(name.rpartition("-")[2], 16)


def _encode_removed(names: Sequence[str]) -> bytes:
    return msgspec.msgpack.encode([None, *names])


def _packed(line: bytes) -> bytes:
    return _FIXED.pack(len(line), xxhash.xxh3_64_intdigest(line)) + line


def parse(raw: bytes) -> JournalContents:
    """What an index of these bytes says, as far as they are ours. Pure."""
    if raw[: len(MAGIC)] != MAGIC:
        return JournalContents(is_whole=False, is_old_format=raw.startswith(OLD_MAGIC))
    found = JournalContents(size=len(raw))
    lines, gone, known_as = found.lines, found.removed, 1 + len(INDEXED)
    try:
        for line in _lines(raw):
            found.count += 1
            name = line[0]
            if name is None:
                found.count += len(line) - 2
                for one in line[1:]:
                    lines.pop(one, None)
                    gone[one] = None
            elif isinstance(name, int):
                found.last_number = max(found.last_number, name)
            elif len(line) != known_as:
                raise ValueError("of another version")
            elif name not in gone:
                del line[0]
                lines[name] = line
    except (ValueError, TypeError, IndexError, msgspec.DecodeError):
        found.is_whole = False
    found.last_number = max(
        found.last_number, max(map(number_of, lines), default=0), max(map(number_of, gone), default=0)
    )
    return found


def _lines(raw: bytes) -> Iterator[list[Any]]:
    """Each line; ValueError at the first byte that is not ours."""
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
