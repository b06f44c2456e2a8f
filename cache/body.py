"""A complete body in RAM: bytes when it is small, an open file in the page cache when it is large.

A file is sent without a copy through user space (`sendfile`). With a disk tier it is the tier's own object file;
without one it is an anonymous file in memory (memfd). Measured: docs/decisions/0008.

The kernel may drop pages of an object file, and another process may change it. Before each use `is_servable` checks
that the file is unchanged and, after a pause, that its pages are still in memory. If not, the body is read again in a
thread and verified against its checksums.
"""

from __future__ import annotations

import errno
import mmap
import os
import resource
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

MIN_FILE_BYTES = 48 * 1024
"""Smaller bodies are kept as bytes: copying them costs less than the extra system call."""
IDLE_SECONDS = 1.0
"""After this pause the kernel may have dropped pages: check that they are in memory before sending the file."""
_PROBE_EVERY = 128 * 1024
MAX_WRITE_BYTES = 256 * 1024
"""Bytes written to a file at a time. Measured: for a write of 1 MiB the kernel allocated pages in one piece of that
size, and copying into them took up to five times as long (docs/decisions/0018)."""
_MAX_PIECES = 1000


Chunk = bytes | memoryview
"""A piece of a body as it was read."""


def can_keep_open(fd: int) -> bool:
    """Whether a file with this descriptor number may stay open for a body in RAM.

    The kernel hands out the lowest free number, so a number beyond half of the limit means that half of all descriptors
    are in use; the rest are for connections."""
    return fd < resource.getrlimit(resource.RLIMIT_NOFILE)[0] // 2


def can_keep_open_when_cold(fd: int) -> bool:
    """The same for a body that has left RAM: up to a quarter of the limit."""
    return fd < resource.getrlimit(resource.RLIMIT_NOFILE)[0] // 4


class FileBody:
    """The first `length` bytes of an open file; `fd` stays open as long as this object is referenced."""

    __slots__ = ("_length", "fd")

    def __init__(self, fd: int, length: int) -> None:
        self.fd = fd
        self._length = length

    def __len__(self) -> int:
        return self._length

    def __del__(self) -> None:
        fd, self.fd = getattr(self, "fd", -1), -1
        if fd >= 0:
            os.close(fd)

    def is_servable(self, now: float) -> bool:
        """Whether the file can be sent unchecked at `now` (monotonic seconds)."""
        del now
        return True

    def view(self, first: int, stop: int) -> memoryview:
        """Bytes `first` to `stop` (exclusive). Raises OSError when they cannot be read."""
        raise NotImplementedError


class MemoryFile(FileBody):
    """An anonymous file in memory (memfd), written once and never changed."""

    __slots__ = ()

    def __init__(self, pieces: Sequence[Chunk]) -> None:
        """Write the pieces. Raises OSError when memory or file descriptors run out."""
        super().__init__(os.memfd_create("segment", os.MFD_CLOEXEC), sum(map(len, pieces)))
        if not can_keep_open(self.fd):
            raise OSError(errno.EMFILE, "too many bodies are open files")
        write_all(self.fd, pieces)

    def view(self, first: int, stop: int) -> memoryview:
        """The bytes, memory-mapped; the mapping lives as long as the view."""
        if first >= stop:
            return memoryview(b"")
        start = first - first % mmap.ALLOCATIONGRANULARITY
        mapped = mmap.mmap(self.fd, stop - start, prot=mmap.PROT_READ, offset=start)
        return memoryview(mapped)[first - start :]


class DiskBody(FileBody):
    """An object file whose bytes were verified, or written by us, at `now` (monotonic seconds)."""

    __slots__ = ("_changed", "_size", "_used")

    def __init__(self, fd: int, length: int, now: float) -> None:
        super().__init__(fd, length)
        status = os.fstat(fd)
        self._changed = status.st_mtime_ns
        self._size = status.st_size
        self._used = now

    def is_servable(self, now: float) -> bool:
        """Whether the file is unchanged and, after `IDLE_SECONDS` without use, still in the page cache."""
        status = os.fstat(self.fd)
        if status.st_mtime_ns != self._changed or status.st_size != self._size:
            return False
        if now - self._used > IDLE_SECONDS and not self.is_in_page_cache():
            return False
        self._used = now
        return True

    def is_in_page_cache(self) -> bool:
        """Whether one byte in every 128 KiB can be read without waiting for the disk (`RWF_NOWAIT`)."""
        byte = [bytearray(1)]
        last = self._length - 1
        try:
            return all(
                os.preadv(self.fd, byte, min(at, last), os.RWF_NOWAIT) == 1
                for at in range(0, last + _PROBE_EVERY, _PROBE_EVERY)
            )
        except OSError:
            return False

    def view(self, first: int, stop: int) -> memoryview:
        """The bytes, read: if the file were mapped and then truncated, access would kill the process (SIGBUS)."""
        data = os.pread(self.fd, max(0, stop - first), first)
        if len(data) != max(0, stop - first):
            raise OSError("the file was truncated")
        return memoryview(data)


class SpoolFile(FileBody):
    """A file without a name that a body of unknown length grows in; readers may be anywhere in what is written."""

    __slots__ = ("__weakref__",)

    def __init__(self, folder: Path | None) -> None:
        """In this folder, or in memory. Raises OSError when neither file nor descriptor can be had."""
        if folder is None:
            fd = os.memfd_create("spool", os.MFD_CLOEXEC)
        else:
            fd = os.open(folder, os.O_TMPFILE | os.O_RDWR | os.O_CLOEXEC, 0o600)
        super().__init__(fd, 0)
        if not can_keep_open(fd):
            raise OSError(errno.EMFILE, "too many bodies are open files")

    def append(self, pieces: Sequence[Chunk]) -> None:
        """Write the pieces behind what is there. Blocks; raises OSError."""
        write_all(self.fd, pieces)

    def grow(self, count: int) -> None:
        """So many more bytes are written."""
        self._length += count

    def view(self, first: int, stop: int) -> memoryview:
        """The bytes, read."""
        data = os.pread(self.fd, max(0, stop - first), first)
        if len(data) != max(0, stop - first):
            raise OSError("the spool file was truncated")
        return memoryview(data)


class Pieces:
    """A body as it arrived, about to be written to a file: joining its pieces would be a wasted copy."""

    __slots__ = ("_length", "pieces")

    def __init__(self, pieces: Sequence[Chunk]) -> None:
        self.pieces = pieces
        self._length = sum(map(len, pieces))

    def __len__(self) -> int:
        return self._length

    def is_servable(self, now: float) -> bool:
        """Always: the bytes are ours."""
        del now
        return True

    def view(self, first: int, stop: int) -> memoryview:
        """Bytes `first` to `stop` (exclusive), joined when they span several pieces."""
        parts, at = [], 0
        for piece in self.pieces:
            if first < at + len(piece) and at < stop:
                parts.append(memoryview(piece)[max(0, first - at) : stop - at])
            at += len(piece)
        return parts[0] if len(parts) == 1 else memoryview(b"".join(parts))

    def join(self) -> bytes:
        """The complete body as bytes."""
        return b"".join(self.pieces)


Body = bytes | MemoryFile | DiskBody | SpoolFile | Pieces


def write_all(fd: int, pieces: Iterable[Chunk]) -> None:
    """Write all pieces in order, `MAX_WRITE_BYTES` at a time. Raises OSError."""
    for some in _batches(pieces):
        done, wanted = os.writev(fd, some), sum(map(len, some))
        if done < wanted:  # a short write: after a signal
            rest = memoryview(b"".join(some))[done:]
            while rest:
                rest = rest[os.write(fd, rest) :]


def _batches(pieces: Iterable[Chunk]) -> Iterator[list[Chunk]]:
    """The pieces, cut so that each batch but the last has `MAX_WRITE_BYTES` or `_MAX_PIECES` pieces."""
    batch: list[Chunk] = []
    room = MAX_WRITE_BYTES
    for piece in pieces:
        at = 0
        while len(piece) - at > room:
            batch.append(memoryview(piece)[at : at + room])
            yield batch
            at, batch, room = at + room, [], MAX_WRITE_BYTES
        batch.append(memoryview(piece)[at:] if at else piece)
        room -= len(piece) - at
        if len(batch) == _MAX_PIECES:
            yield batch
            batch, room = [], MAX_WRITE_BYTES
    if batch:
        yield batch


def make_body(pieces: Sequence[Chunk], *, files: bool) -> Body:
    """One body from the pieces of a response; a file in memory if `files` is set, it is large and a descriptor is
    free."""
    if files and sum(map(len, pieces)) >= MIN_FILE_BYTES:
        try:
            return MemoryFile(pieces)
        except OSError:
            pass  # no descriptor or memory left: plain bytes work too
    return b"".join(pieces)


def view(body: Body, first: int, stop: int) -> memoryview:
    """Bytes `first` to `stop` (exclusive) of a body. Raises OSError when its file cannot be read."""
    return memoryview(body)[first:stop] if isinstance(body, bytes) else body.view(first, stop)
