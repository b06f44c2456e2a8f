"""The disk tier: one file an object in a folder, an index in memory.

    DIR/lock             held by the process that owns the folder
    DIR/index            what the files are, so that a start need not read them all (cache.journal)
    DIR/tmp/             files being written; emptied at start
    DIR/objects/ab/NAME  whole files; NAME = hash of the key and a number, so that no name is ever used twice
    DIR/objects/ab/NAME.head  the head that a 304 made new; its object's file never changes

The methods that touch the disk are plain functions to be run in a thread; the books are kept on the loop.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import xxhash

from cache.body import FILE_LEAST, Body, DiskBody, Pieces, spare, view
from cache.disk_file import Damaged, open_body, read_head, read_object, write_object
from cache.entry import Entry
from cache.eviction.admission import Admission, Always
from cache.eviction.policy import Policy
from cache.journal import Journal
from cache.recovery import DEAD, HEAD, STALE, path_of, recover
from kernel.clock import Instant
from kernel.errors import BadSettings, StorageFailed

PAGE = 4096
"""What a file takes of the disk is counted in these, as the file system does."""
MOST_ERRORS = 5
"""After so many I/O errors in a row the tier is taken out of use for a while; the edge goes on without it."""
REST_SECONDS = 30.0
"""How long it rests the first time; twice as long each time that it still fails, at most `LONGEST_REST_SECONDS`."""
LONGEST_REST_SECONDS = 600.0
_NO_ROOM = frozenset((errno.ENOSPC, errno.EDQUOT))

Head = dict[str, Any]


class DiskFull(StorageFailed):
    """There is less room than the budget says."""


class DiskTier:
    """Which entries have a file, under a budget; `entry.disk` is the file's number."""

    def __init__(self, folder: Path, budget: int, policy: Policy[Entry], admission: Admission | None = None) -> None:
        self.folder = folder
        self.budget = budget
        self.largest = budget // 4
        self.errors = 0
        self.damaged = 0
        self.rests_until = 0.0
        self._rest = REST_SECONDS
        self._policy = policy
        self.admission = Always() if admission is None else admission
        """May be replaced by another, which has seen nothing yet."""
        self._number = 0
        self._lock = -1
        self._journal = Journal(folder / "index")

    # -- books, on the loop ------------------------------------------------------------------------------------

    @property
    def used(self) -> int:
        """Bytes counted."""
        return self._policy.used

    def resting(self, now: float) -> bool:
        """Whether the tier is out of use, at `now` (mono), after too many errors."""
        return now < self.rests_until

    def takes(self, cost: int, now: float) -> bool:
        """Whether an object of this cost may come in."""
        return cost <= self.largest and not self.resting(now)

    def admits(self, entry: Entry) -> bool:
        """Whether an object that was fetched now, and that the tier takes, is worth a write; asked once a fetch. The
        whole of an object in slices always is: without it they are worth nothing."""
        return self.admission.admits(entry.key, entry.cost) or entry.slice > 0

    def new_number(self) -> int:
        """Of a file, never used before in this folder."""
        self._number += 1
        return self._number

    def name(self, key: bytes, number: int) -> str:
        """Of a key's file."""
        return f"{xxhash.xxh3_64_hexdigest(key)}-{number:x}"

    def put(self, entry: Entry, number: int, writing: int = 0) -> list[Entry]:
        """The entry's file is written; the entries that had to leave (files still there: `unlink` them)."""
        entry.disk = number
        self._policy.insert(entry, pages(entry.cost))
        return self.make_room(writing)

    def make_room(self, writing: int) -> list[Entry]:
        """The entries that have to leave while so many bytes are being written, so that the folder stays within the
        budget (files still there: `unlink` them)."""
        victims = []
        while self._policy.used + writing > self.budget:
            victim = self._policy.evict()
            if victim is None:
                break
            victims.append(victim)
        return victims

    def shed(self, least: int) -> list[Entry]:
        """The entries that have to leave because the disk is full though the budget is not: of `least` bytes, and of
        one part in 64 of what is held, so that not every write meets a full disk."""
        return self.make_room(self.budget - self._policy.used + max(pages(least), self._policy.used // 64))

    def touch(self, entry: Entry) -> None:
        """The entry was asked for."""
        self._policy.touch(entry)

    def yields(self, cost: int) -> bool:
        """Whether so much more would push out nothing that was asked for since it came."""
        return self._policy.used + cost <= self.budget or self._policy.yields(cost)

    def drop(self, entry: Entry) -> str | None:
        """Take the entry out of the books; the name of the file to unlink."""
        self._policy.remove(entry)
        number, entry.disk = entry.disk, None
        return None if number is None else self.name(entry.key, number)

    def failed(self, now: float) -> None:
        """Count an I/O error; the fifth in a row, and each further one after a rest, sends the tier to rest."""
        self.errors += 1
        if self.errors >= MOST_ERRORS and not self.resting(now):
            self.rests_until = now + self._rest
            self._rest = min(2 * self._rest, LONGEST_REST_SECONDS)

    def worked(self) -> None:
        """Something was read or written."""
        self.errors, self._rest = 0, REST_SECONDS

    # -- the disk, in a thread ---------------------------------------------------------------------------------

    def write(self, name: str, head: Head, body: Body, now: float | None = None) -> DiskBody | None:
        """Write one object; StorageFailed when the disk is full (DiskFull) or fails, and nothing is left behind.

        Its body as an open file, if `now` (mono) is told, it is large enough to be sent so and a descriptor to spare.
        """
        pieces = body.pieces if isinstance(body, Pieces) else (view(body, 0, len(body)),)
        fd = self._write(name, head, pieces)
        self._journal.add(name, head)
        if now is not None and len(body) >= FILE_LEAST and spare(fd):
            return DiskBody(fd, len(body), now)
        os.close(fd)
        return None

    def write_head(self, name: str, head: Head) -> None:
        """Write a new head of an object whose file stays as it is. Errors as of `write`."""
        os.close(self._write(name + HEAD, head, ()))
        self._journal.add(name, head)

    def _write(self, name: str, head: Head, pieces: Sequence[bytes | memoryview]) -> int:
        temporary, fd = f"{self.folder}/tmp/{name}", -1  # noqa: S108 (our own)
        try:
            fd = write_object(temporary, head, pieces)
            os.rename(temporary, f"{self.folder}/objects/{name[:2]}/{name}")  # noqa: PTH104 (a path of text costs less)
        except OSError as error:
            with contextlib.suppress(OSError):
                Path(temporary).unlink()
            if fd >= 0:
                os.close(fd)
            kind = DiskFull if error.errno in _NO_ROOM else StorageFailed
            raise kind(f"{temporary}: {error.strerror}") from error
        return fd

    def read(self, name: str, key: bytes) -> tuple[Head, Body]:
        """Head and verified body; Damaged when the file is not what was written, StorageFailed when unreadable."""
        with _told(name):
            head, body = read_object(self._path(name), key)
            return self._newer_head(name, key, head), body

    def read_body(self, name: str, key: bytes, now: float, *, files: bool) -> tuple[Head, Body]:
        """Head and verified body, as an open file where `files` are wanted and it is large enough to be sent so; else
        as bytes. Errors as of `read`."""
        if not files:
            return self.read(name, key)
        with _told(name):
            path = self._path(name)
            if path.stat().st_size < FILE_LEAST:
                return self.read(name, key)
            head, body = open_body(path, key, now)
            kept = body if spare(body.fd) else bytes(body.view(0, len(body)))
            return self._newer_head(name, key, head), kept

    def read_head(self, name: str, key: bytes) -> Head:
        """The head alone. Errors as of `read`."""
        with _told(name):
            return self._newer_head(name, key, _of_key(read_head(self._path(name)), key))

    def _newer_head(self, name: str, key: bytes, head: Head) -> Head:
        try:
            return _of_key(read_head(self._path(name + HEAD)), key)
        except FileNotFoundError:
            return head

    def unlink(self, names: list[str]) -> dict[str, bool]:
        """Remove files; those that could not be removed, and of each whether it is marked so that no start takes it
        for an object again. Files already gone are no matter."""
        stuck = {}
        for name in names:
            path = self._path(name)
            try:
                path.unlink(missing_ok=True)
            except OSError:
                stuck[name] = self._mark_dead(name, path)
            with contextlib.suppress(OSError):
                self._path(name + HEAD).unlink()
        return stuck

    def _mark_dead(self, name: str, path: Path) -> bool:
        """By its date and in the index: one of them is enough."""
        marked = self._journal.gone(name)
        try:
            os.utime(path, (DEAD, DEAD))
        except OSError:
            return marked
        return True

    def mark_stale(self, entries: list[tuple[str, Head]]) -> list[str]:
        """Mark files stale for the next start (a soft purge), in the index and by their date, which tells when the
        index is lost; names of those that could not be marked."""
        unmarked = []
        for name, line in entries:
            try:
                for path in (f"{self._path(name)}{HEAD}", self._path(name)):
                    with contextlib.suppress(FileNotFoundError):
                        os.utime(path, (STALE, STALE))
            except OSError:
                unmarked.append(name)
            else:
                self._journal.add(name, line)
        return unmarked

    def _path(self, name: str) -> Path:
        return path_of(self.folder, name)

    # -- start and stop ----------------------------------------------------------------------------------------

    def open(self, now: Instant) -> list[Entry]:
        """Lock the folder, remove what a crash left, and learn what is there: the entries, all cold, oldest first.

        Of two files for one key and one alternate the younger counts. BadSettings when the folder cannot be used.
        """
        try:
            (self.folder / "tmp").mkdir(parents=True, exist_ok=True)
            for number in range(256):
                (self.folder / "objects" / f"{number:02x}").mkdir(parents=True, exist_ok=True)
            self._lock = os.open(self.folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self.close()
            raise BadSettings("cache_dir", f"{self.folder} is in use by another process") from None
        except OSError as error:
            self.close()
            raise BadSettings("cache_dir", f"{self.folder} cannot be used: {error.strerror}") from None
        found = recover(self.folder, self._journal, now)
        self._number, self.damaged = found.number, self.damaged + found.damaged
        return found.entries

    def close(self) -> None:
        """Let the folder go."""
        self._journal.close()
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1


def pages(cost: int) -> int:
    """Bytes that a file of so many takes of the disk."""
    return -(-cost // PAGE) * PAGE


def _of_key(found: tuple[Head, int], key: bytes) -> Head:
    head, _ = found
    if head.get("key") != key:
        raise Damaged("another key")
    return head


@contextlib.contextmanager
def _told(name: str) -> Iterator[None]:
    """Errors of reading, in the words of this tier."""
    try:
        yield
    except FileNotFoundError:
        raise Damaged("the file is gone") from None
    except OSError as error:
        raise StorageFailed(f"{name}: {error.strerror}") from error
