"""A whole body in RAM: small ones as bytes, large ones as a file whose pages the kernel holds.

A file can be sent without copying it through user space (`sendfile`). With a disk tier that file is the tier's own, in
the kernel's page cache; without one it is an anonymous file in memory (memfd). Measured: docs/decisions/0008.

Pages of the disk tier's file are only borrowed. Before each use `is_servable` asks whether the file was changed by
somebody else, and after a pause whether its pages are still there: what is not sound is read again, in a thread, and
checked against its sums.
"""

from __future__ import annotations

import errno
import mmap
import os
import resource
from collections.abc import Sequence

MIN_FILE_BYTES = 48 * 1024
"""From this size on a body is worth a file: below it a copy costs less than the extra system call."""
IDLE_SECONDS = 1.0
"""A file not sent for so long may have lost pages to somebody else: they are looked for before it is sent again."""
_PROBE_EVERY = 128 * 1024
_MAX_PIECES = 1000


def can_keep_open(fd: int) -> bool:
    """Whether a descriptor of this number may be held for long. The kernel gives the lowest that is free: beyond half
    of what the process may have, the rest is for connections."""
    return fd < resource.getrlimit(resource.RLIMIT_NOFILE)[0] // 2


def can_keep_open_when_cold(fd: int) -> bool:
    """Whether a descriptor of this number may be held for a body that has left RAM: a quarter, by the same rule."""
    return fd < resource.getrlimit(resource.RLIMIT_NOFILE)[0] // 4


class FileBody:
    """The first `length` bytes of an open file; `fd` is open as long as somebody refers to this."""

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
        """Whether it may be sent as it is, at `now` (mono)."""
        del now
        return True

    def view(self, first: int, stop: int) -> memoryview:
        """Bytes `first` to `stop`; OSError when they cannot be had."""
        raise NotImplementedError


class MemoryFile(FileBody):
    """A file that is nowhere but in memory; written once, never changed."""

    __slots__ = ()

    def __init__(self, pieces: Sequence[bytes]) -> None:
        """Write the pieces; OSError when there is no memory or no file descriptor left."""
        super().__init__(os.memfd_create("segment", os.MFD_CLOEXEC), sum(map(len, pieces)))
        if not can_keep_open(self.fd):
            raise OSError(errno.EMFILE, "too many bodies are open files")
        write_all(self.fd, pieces)

    def view(self, first: int, stop: int) -> memoryview:
        """Mapped; the mapping lives as long as the view."""
        if first >= stop:
            return memoryview(b"")
        start = first - first % mmap.ALLOCATIONGRANULARITY
        mapped = mmap.mmap(self.fd, stop - start, prot=mmap.PROT_READ, offset=start)
        return memoryview(mapped)[first - start :]


class DiskBody(FileBody):
    """A file of the disk tier, whose bytes were checked, or written by us, when it was made at `now` (mono)."""

    __slots__ = ("_changed", "_size", "_used")

    def __init__(self, fd: int, length: int, now: float) -> None:
        super().__init__(fd, length)
        status = os.fstat(fd)
        self._changed = status.st_mtime_ns
        self._size = status.st_size
        self._used = now

    def is_servable(self, now: float) -> bool:
        """Nobody has written to the file since, and its pages are in memory."""
        status = os.fstat(self.fd)
        if status.st_mtime_ns != self._changed or status.st_size != self._size:
            return False
        if now - self._used > IDLE_SECONDS and not self.is_in_page_cache():
            return False
        self._used = now
        return True

    def is_in_page_cache(self) -> bool:
        """Look at one byte in each stretch without waiting for the disk (`RWF_NOWAIT`)."""
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
        """Read: a mapping of a file that somebody shortens would end the process."""
        data = os.pread(self.fd, max(0, stop - first), first)
        if len(data) != max(0, stop - first):
            raise OSError("the file was cut short")
        return memoryview(data)


class Pieces:
    """A body as it came, on its way to a file: to join its pieces would be a copy for nobody."""

    __slots__ = ("_length", "pieces")

    def __init__(self, pieces: Sequence[bytes]) -> None:
        self.pieces = pieces
        self._length = sum(map(len, pieces))

    def __len__(self) -> int:
        return self._length

    def is_servable(self, now: float) -> bool:
        """Whether it may be sent as it is."""
        del now
        return True

    def view(self, first: int, stop: int) -> memoryview:
        """Bytes `first` to `stop`, joined where they lie in several pieces."""
        parts, at = [], 0
        for piece in self.pieces:
            if first < at + len(piece) and at < stop:
                parts.append(memoryview(piece)[max(0, first - at) : stop - at])
            at += len(piece)
        return parts[0] if len(parts) == 1 else memoryview(b"".join(parts))

    def join(self) -> bytes:
        """All of it."""
        return b"".join(self.pieces)


Body = bytes | MemoryFile | DiskBody | Pieces


def write_all(fd: int, pieces: Sequence[bytes | memoryview]) -> None:
    """All of the pieces, one after the other, as few calls as may be; OSError as the system says it."""
    for at in range(0, len(pieces), _MAX_PIECES):
        some = pieces[at : at + _MAX_PIECES]
        done, wanted = os.writev(fd, some), sum(map(len, some))
        if done < wanted:  # cut short, by a signal or at 2 GiB
            rest = memoryview(b"".join(some))[done:]
            while rest:
                rest = rest[os.write(fd, rest) :]


def make_body(pieces: Sequence[bytes], *, files: bool) -> Body:
    """One body of the pieces that came; as a file in memory when it is large and `files` are wanted and to be had."""
    if files and sum(map(len, pieces)) >= MIN_FILE_BYTES:
        try:
            return MemoryFile(pieces)
        except OSError:
            pass  # out of descriptors: bytes do as well
    return pieces[0] if len(pieces) == 1 else b"".join(pieces)


def view(body: Body, first: int, stop: int) -> memoryview:
    """A part of a body."""
    return memoryview(body)[first:stop] if isinstance(body, bytes) else body.view(first, stop)
