"""The index beside the files: a line for each file written, so that a start need not open them all.

    magic 8 | ( length 4 | xxh3 of the line 8 | line ) ...

A line is MessagePack: a file's name and what `Entry.to_index` says in its order, or the name alone of a file that had
to go and could not be removed. The last line of a name counts. A line without its file says nothing; a file without a
line is read itself, so that a line lost to a kill costs the next start a little time and nothing else. Where anything
is torn or strange, and where a line could not be written, the whole is given up: then each file's head is read. Nothing
here is believed of a body: that is checked, and compared with what stands here, when it is read.

Plain functions, to be run in threads.
"""

from __future__ import annotations

import contextlib
import os
import struct
import threading
from collections.abc import Container, Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec
import xxhash

from cache.body import write_all
from cache.entry import INDEXED

MAGIC = b"MTNINDX1"
_FIXED = struct.Struct("<IQ")
SPARE_LINES = 20_000
"""The file is written anew when it has so many lines more than twice those that counted the last time."""

Line = dict[str, Any] | None
"""What is known of a file by its name; None: it must not be taken for an object."""


class Journal:
    """The file at `path`. What cannot be kept raises nothing: it is given up."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._fd = -1
        self._guard = threading.Lock()
        self._lines, self._most = 0, SPARE_LINES
        self._renewing = False

    def read(self) -> dict[str, Line]:
        """What counts, by name; empty where there is none or anything is in doubt."""
        try:
            return {name: line for name, line, _ in _parsed(self._path.read_bytes())}
        except (OSError, ValueError):
            return {}

    def start(self, kept: Container[str]) -> None:
        """Begin to append, after what is said of the names `kept`; the rest is left out."""
        with self._guard:
            try:
                self._take(self._copied(kept, None), b"")
            except OSError:
                self._give_up()

    def add(self, name: str, head: Mapping[str, Any]) -> None:
        """A file was written, or what is known of it is new."""
        self._append(msgspec.msgpack.encode([name, *(head[one] for one in INDEXED)]))

    def gone(self, name: str) -> bool:
        """The file must not come back; whether that is kept."""
        return self._append(msgspec.msgpack.encode([name]))

    def _append(self, line: bytes) -> bool:
        with self._guard:
            if self._fd < 0:
                return False
            record = _packed(line)
            try:
                whole = os.write(self._fd, record) == len(record)
            except OSError:
                whole = False
            if not whole:
                self._give_up()
                return False
            self._lines += 1
            if self._lines <= self._most or self._renewing:
                return True
            self._renewing, fd, lines, size = True, self._fd, self._lines, os.fstat(self._fd).st_size
        self._renew(fd, lines, size)
        return True

    def _renew(self, fd: int, lines: int, size: int) -> None:
        """Written anew by the one who came to it, while others append; what they did is taken over at the end."""
        try:
            count = self._copied(_Files(self._path.parent), size)
            with self._guard:
                if self._fd == fd:
                    with self._path.open("rb") as file:
                        file.seek(size)
                        self._take(count + self._lines - lines, file.read())
        except OSError:
            with self._guard:
                self._give_up()
        finally:
            self._renewing = False

    def _copied(self, kept: Container[str], size: int | None) -> int:
        """One line a name, of the first `size` bytes, in a new file beside the old one; how many."""
        try:
            with self._path.open("rb") as file:
                lines = {name: record for name, _, record in _parsed(file.read(-1 if size is None else size))}
        except (OSError, ValueError):
            lines = {}
        records = [record for name, record in lines.items() if name in kept]
        self._path.with_suffix(".new").write_bytes(MAGIC + b"".join(records))
        return len(records)

    def _take(self, lines: int, more: bytes) -> None:
        """The new file takes the place of the old one at once, after `more` is appended; it has so many lines."""
        temporary = self._path.with_suffix(".new")
        fd = os.open(temporary, os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC)
        try:
            write_all(fd, [more])
            temporary.replace(self._path)
        except BaseException:
            os.close(fd)
            raise
        self._shut()
        self._fd, self._lines = fd, lines
        self._most = 2 * lines + SPARE_LINES

    def _give_up(self) -> None:
        """No half of the truth may be left: the next start has to read the files."""
        self._shut()
        try:
            self._path.unlink(missing_ok=True)
        except OSError:
            with contextlib.suppress(OSError):
                os.truncate(self._path, 0)

    def _shut(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def close(self) -> None:
        """Let the file go."""
        with self._guard:
            self._shut()


class _Files:
    """The names that have a file now."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and os.path.exists(f"{self._folder}/objects/{name[:2]}/{name}")  # noqa: PTH110 (a million of them)


def _packed(line: bytes) -> bytes:
    return _FIXED.pack(len(line), xxhash.xxh3_64_intdigest(line)) + line


def _parsed(raw: bytes) -> Iterator[tuple[str, Line, bytes]]:
    """(name, line, record) of each; ValueError at the first byte that is not ours."""
    if raw[: len(MAGIC)] != MAGIC:
        raise ValueError("no index of ours")
    decode, at, unpack, digest = msgspec.msgpack.decode, len(MAGIC), _FIXED.unpack_from, xxhash.xxh3_64_intdigest
    while at < len(raw):
        if at + _FIXED.size > len(raw):
            raise ValueError("torn")
        length, check = unpack(raw, at)
        stop = at + _FIXED.size + length
        line = raw[at + _FIXED.size : stop]
        if len(line) != length or digest(line) != check:
            raise ValueError("torn")
        name, *known = decode(line)
        if known and len(known) != len(INDEXED):
            raise ValueError("of another version")
        yield name, dict(zip(INDEXED, known, strict=True)) if known else None, raw[at:stop]
        at = stop
