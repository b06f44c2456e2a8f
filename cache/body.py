"""A whole body in RAM: small ones as bytes, large ones as an anonymous file of the kernel's (memfd).

A file in memory can be sent without copying it through user space (`sendfile`), and other processes of a node will be
able to map it (docs/decisions/0005). It never touches a disk and goes with its last reference.
"""

from __future__ import annotations

import mmap
import os
from collections.abc import Sequence

FILE_LEAST = 48 * 1024
"""From this size on a body is worth a file: below it a copy costs less than the extra system call."""
_MOST_PIECES = 1000


class MemoryFile:
    """Bytes that the kernel holds; written once, never changed. `fd` is open as long as somebody refers to this."""

    __slots__ = ("_length", "fd")

    def __init__(self, pieces: Sequence[bytes]) -> None:
        """Write the pieces; OSError when there is no memory or no file descriptor left."""
        self._length = sum(map(len, pieces))
        self.fd = os.memfd_create("segment", os.MFD_CLOEXEC)
        for at in range(0, len(pieces), _MOST_PIECES):
            _write_all(self.fd, pieces[at : at + _MOST_PIECES])

    def __len__(self) -> int:
        return self._length

    def __del__(self) -> None:
        fd, self.fd = getattr(self, "fd", -1), -1
        if fd >= 0:
            os.close(fd)

    def view(self, first: int, stop: int) -> memoryview:
        """Bytes `first` to `stop`, mapped; the mapping lives as long as the view."""
        if first >= stop:
            return memoryview(b"")
        start = first - first % mmap.ALLOCATIONGRANULARITY
        mapped = mmap.mmap(self.fd, stop - start, prot=mmap.PROT_READ, offset=start)
        return memoryview(mapped)[first - start :]


def _write_all(fd: int, pieces: Sequence[bytes]) -> None:
    done, wanted = os.writev(fd, pieces), sum(map(len, pieces))
    if done < wanted:  # cut short, by a signal or at 2 GiB
        rest = memoryview(b"".join(pieces))[done:]
        while rest:
            rest = rest[os.write(fd, rest) :]


Body = bytes | MemoryFile


def make_body(pieces: Sequence[bytes], *, files: bool) -> Body:
    """One body of the pieces that came; as a file when it is large and `files` are wanted and to be had."""
    if files and sum(map(len, pieces)) >= FILE_LEAST:
        try:
            return MemoryFile(pieces)
        except OSError:
            pass  # out of descriptors: bytes do as well
    return pieces[0] if len(pieces) == 1 else b"".join(pieces)


def view(body: Body, first: int, stop: int) -> memoryview:
    """A part of a body without a copy."""
    return body.view(first, stop) if isinstance(body, MemoryFile) else memoryview(body)[first:stop]
