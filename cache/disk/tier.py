"""The disk tier: one file an object in a folder (`cache.disk.folder`), an index in memory and beside the files.

The methods that touch the disk are plain functions to be run in a thread; the books are kept on the loop. Over 300
lines because both are of one thing, and which method is of which kind is seen best where they stand together.
"""

from __future__ import annotations

import contextlib
import errno
import os
import threading
from collections.abc import Container, Iterator, Sequence
from pathlib import Path
from typing import Any

import xxhash

from cache.body import MIN_FILE_BYTES, Body, DiskBody, Pieces, can_keep_open, view
from cache.disk.folder import Folder
from cache.disk.journal import Journal
from cache.disk.object_file import Damaged, FileOf, open_body, read_head, read_object, write_object
from cache.disk.recovery import HEAD, RecoveredObjects, path_of, recover, sweep_shard
from cache.entry import Entry
from cache.eviction.admission import Admission, Always
from cache.eviction.policy import Policy
from kernel.clock import Instant
from kernel.errors import BadSettings, StorageFailed

PAGE = 4096
"""What a file takes of the disk is counted in these, as the file system does."""
MAX_ERRORS = 5
"""After so many I/O errors in a row the tier is taken out of use for a while; the edge goes on without it."""
SUSPEND_SECONDS = 30.0
"""How long it rests the first time; twice as long each time that it still fails, at most `MAX_SUSPEND_SECONDS`."""
MAX_SUSPEND_SECONDS = 600.0
_NO_ROOM = frozenset((errno.ENOSPC, errno.EDQUOT))

Head = dict[str, Any]


class _Sealed(StorageFailed):
    """The folder is a successor's."""


class DiskFull(StorageFailed):
    """There is less room than the budget says."""


class FolderLost(StorageFailed):
    """The folder was removed, or folders in it: see `DiskTier.recreate_folder`."""


class DiskTier:
    """Which entries have a file, under a budget; `entry.disk` is the file's number."""

    def __init__(self, folder: Path, budget: int, policy: Policy[Entry], admission: Admission | None = None) -> None:
        self.folder = folder
        self.budget = budget
        self.max_object_bytes = budget // 4
        self.errors = 0
        self.damaged = 0
        self.suspended_until = 0.0
        self._suspend_seconds = SUSPEND_SECONDS
        self._policy = policy
        self.admission = Always() if admission is None else admission
        """May be replaced by another, which has seen nothing yet."""
        self.is_draining = self.is_sealed = False
        """Whether nothing new comes in any more; whether the folder is another process's: then it is only read."""
        self._changing = 0
        self._changes = threading.Condition()
        self._number = 0
        self._folder = Folder(folder)
        self._journal = Journal(folder / "index", lambda: self._number)

    # -- books, on the loop ------------------------------------------------------------------------------------

    @property
    def used(self) -> int:
        """Bytes counted."""
        return self._policy.used

    @property
    def is_off(self) -> bool:
        """Whether the tier is out of use, from the errors that sent it to rest until something works again; or what had
        to go cannot be written down."""
        return self.errors >= MAX_ERRORS or self.pending_removals > 0

    @property
    def pending_removals(self) -> int:
        """Files that had to go, of which the index could not be told yet."""
        return self._journal.pending_removals

    def is_suspended(self, now: float) -> bool:
        """Whether the tier is out of use, at `now` (mono), after too many errors."""
        return now < self.suspended_until

    def fits(self, cost: int, now: float) -> bool:
        """Whether an object of this cost may come in."""
        return cost <= self.max_object_bytes and not self.is_draining and not self.is_suspended(now)

    def admits(self, entry: Entry) -> bool:
        """Whether an object that was fetched now, and that the tier takes, is worth a write; asked once a fetch. The
        whole of an object in slices always is: without it they are worth nothing."""
        return self.admission.admits(entry.key, entry.cost) or entry.slice > 0

    def new_number(self) -> int:
        """Of a file, never used before in this folder."""
        self._number += 1
        return self._number

    def file_name(self, key: bytes, number: int) -> str:
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

    def fits_without_eviction(self, cost: int) -> bool:
        """Whether so much more would push out nothing that was asked for since it came."""
        return self._policy.used + cost <= self.budget or self._policy.fits_without_eviction(cost)

    def drop(self, entry: Entry) -> str | None:
        """Take the entry out of the books; the name of the file to unlink."""
        self._policy.remove(entry)
        number, entry.disk = entry.disk, None
        return None if number is None else self.file_name(entry.key, number)

    def note_error(self, now: float) -> None:
        """Count an I/O error; the fifth in a row, and each further one after a rest, sends the tier to rest."""
        self.errors += 1
        if self.errors >= MAX_ERRORS and not self.is_suspended(now):
            self.suspended_until = now + self._suspend_seconds
            self._suspend_seconds = min(2 * self._suspend_seconds, MAX_SUSPEND_SECONDS)

    def note_folder_lost(self, now: float) -> None:
        """There is no folder to write to, and none can be made."""
        self.errors = max(self.errors, MAX_ERRORS - 1)
        self.note_error(now)

    def note_success(self) -> None:
        """Something was read or written."""
        self.errors, self._suspend_seconds = 0, SUSPEND_SECONDS

    def note_folder_recreated(self) -> None:
        """There is a folder again: no rest is needed."""
        self.note_success()
        self.suspended_until = 0.0

    # -- the disk, in a thread ---------------------------------------------------------------------------------

    def write(self, name: str, head: Head, body: Body, now: float | None = None) -> DiskBody | None:
        """Write one object; StorageFailed when the disk is full (DiskFull) or fails, and nothing is left behind.

        Its body as an open file, if `now` (mono) is told, it is large enough to be sent so and a descriptor to spare.
        """
        pieces = body.pieces if isinstance(body, Pieces) else (view(body, 0, len(body)),)
        fd = self._write(name, name, head, pieces)
        if now is not None and len(body) >= MIN_FILE_BYTES and can_keep_open(fd):
            return DiskBody(fd, len(body), now)
        os.close(fd)
        return None

    def write_head(self, name: str, head: Head) -> None:
        """Write a new head of an object whose file stays as it is. Errors as of `write`."""
        os.close(self._write(name, name + HEAD, head, ()))

    def _write(self, name: str, file: str, head: Head, pieces: Sequence[bytes | memoryview]) -> int:
        """A whole file under its name, then its line: without one no start takes it for an object."""
        with self._change():
            return self._write_file(name, file, head, pieces)

    def _write_file(self, name: str, file: str, head: Head, pieces: Sequence[bytes | memoryview]) -> int:
        temporary, path, fd = f"{self.folder}/tmp/{file}", f"{self.folder}/objects/{file[:2]}/{file}", -1  # noqa: S108 (our own)
        try:
            if not self._folder.is_ours():
                raise FileNotFoundError(errno.ENOENT, "the folder is gone")
            fd = write_object(temporary, head | {"name": name}, pieces)
            os.rename(temporary, path)  # noqa: PTH104 (a path of text costs less)
            self._journal.record_object(name, head)
        except OSError as error:
            for left in (temporary, path):
                with contextlib.suppress(OSError):
                    Path(left).unlink()
            if fd >= 0:
                os.close(fd)
            raise _failure(error)(f"{temporary}: {error.strerror}") from error
        return fd

    def read(self, wanted: FileOf) -> tuple[Head, Body]:
        """Head and verified body; Damaged when the file is not what was written, StorageFailed when unreadable."""
        with _as_tier_errors(wanted.name):
            head, body = read_object(self._path(wanted.name), wanted)
            return self._newer_head(wanted, head), body

    def read_body(self, wanted: FileOf, now: float, *, files: bool) -> tuple[Head, Body]:
        """Head and verified body, as an open file where `files` are wanted and it is large enough to be sent so; else
        as bytes. Errors as of `read`."""
        if not files:
            return self.read(wanted)
        with _as_tier_errors(wanted.name):
            path = self._path(wanted.name)
            if path.stat().st_size < MIN_FILE_BYTES:
                return self.read(wanted)
            head, body = open_body(path, wanted, now)
            kept = body if can_keep_open(body.fd) else bytes(body.view(0, len(body)))
            return self._newer_head(wanted, head), kept

    def read_head(self, wanted: FileOf) -> Head:
        """The head alone. Errors as of `read`."""
        with _as_tier_errors(wanted.name):
            return self._newer_head(wanted, read_head(self._path(wanted.name), wanted))

    def _newer_head(self, wanted: FileOf, head: Head) -> Head:
        try:
            return read_head(self._path(wanted.name + HEAD), wanted)
        except FileNotFoundError:
            return head

    def unlink(self, names: list[str]) -> set[str]:
        """Remove files, after it is written down that they have to go, so that no start takes them for objects; those
        that could not be removed. Files already gone are no matter."""
        stuck = set()
        with contextlib.suppress(_Sealed), self._change():
            self._journal.record_removed(names)
            for name in names:
                try:
                    self._path(name).unlink(missing_ok=True)
                except OSError:
                    stuck.add(name)
                with contextlib.suppress(OSError):
                    self._path(name + HEAD).unlink()
        return stuck

    def mark_stale(self, entries: list[tuple[str, Head]]) -> list[str]:
        """Mark files stale for the next start (a soft purge); names of those that could not be marked."""
        unmarked = []
        with contextlib.suppress(_Sealed), self._change():
            for name, line in entries:
                try:
                    self._journal.record_object(name, line)
                except OSError:
                    unmarked.append(name)
        return unmarked

    def sync_removals(self) -> None:
        """Whatever had to go until now is written down where no start, not one after a power cut, can miss it.
        StorageFailed (DiskFull) when it cannot be."""
        try:
            with contextlib.suppress(_Sealed), self._change():
                self._journal.sync_removals()
        except OSError as error:
            raise _failure(error)(f"{self.folder}/index: {error.strerror}") from error

    def _path(self, name: str) -> Path:
        return path_of(self.folder, name)

    # -- start and stop ----------------------------------------------------------------------------------------

    def open(self, now: Instant, wait: float = 0.0) -> RecoveredObjects:
        """Lock the folder, remove what a crash left half written, and learn what is there: all entries are cold.

        `wait`: seconds for a predecessor to let it go. BadSettings when the folder cannot be used."""
        self._folder.open(wait)
        try:
            found = recover(self.folder, self._journal, now)
        except OSError as error:
            self.close()
            raise BadSettings("cache_dir", f"{self.folder} cannot be used: {error.strerror}") from None
        self._number, self.damaged = found.number, self.damaged + found.damaged
        return found

    def sweep(self, shard: str, kept: Container[str], last: int) -> set[str]:
        """See `sweep_shard`; StorageFailed when the shard cannot be listed."""
        try:
            with self._change():
                return sweep_shard(self.folder, shard, kept, last)
        except OSError as error:
            raise StorageFailed(f"{self.folder}/objects/{shard}: {error.strerror}") from error

    def missing(self, names: Sequence[str]) -> list[str]:
        """Those of these files that are not there."""
        return [name for name in names if not self._path(name).exists()]

    def owns_folder(self) -> bool:
        """Whether the folder is there, and is the one that this process holds."""
        return self.is_sealed or self._folder.is_ours()

    def recreate_folder(self) -> bool:
        """Make the folder, or what is missing in it, anew; whether it was the whole of it.

        StorageFailed when that cannot be, among others because another process holds it now."""
        try:
            with self._change():
                self._folder.create_missing()
                if self._folder.is_ours():
                    return False
                self._folder.lock()
                self._journal.reset()
        except OSError as error:
            raise StorageFailed(f"{self.folder}: {error.strerror}") from error
        return True

    @contextlib.contextmanager
    def _change(self) -> Iterator[None]:
        """Something in the folder is about to change. _LetGo when it is not ours any more."""
        with self._changes:
            if self.is_sealed:
                raise _Sealed(f"{self.folder} is let go")
            self._changing += 1
        try:
            yield
        finally:
            with self._changes:
                self._changing -= 1
                self._changes.notify_all()

    def seal(self) -> None:
        """Let the folder go to a successor, when nothing is changing in it any more, and only read in it from now on:
        its files may be gone at any moment, and what is read is checked as ever."""
        with self._changes:
            self.is_draining = self.is_sealed = True
            self._changes.wait_for(lambda: not self._changing)
        self.close()

    def close(self) -> None:
        """Let the folder go."""
        self._journal.close()
        self._folder.close()


def pages(cost: int) -> int:
    """Bytes that a file of so many takes of the disk."""
    return -(-cost // PAGE) * PAGE


def _failure(error: OSError) -> type[StorageFailed]:
    """What an error of writing is in the words of this tier."""
    if error.errno in (errno.ENOENT, errno.ENOTDIR):
        return FolderLost
    return DiskFull if error.errno in _NO_ROOM else StorageFailed


@contextlib.contextmanager
def _as_tier_errors(name: str) -> Iterator[None]:
    """Errors of reading, in the words of this tier."""
    try:
        yield
    except FileNotFoundError:
        raise Damaged("the file is gone") from None
    except OSError as error:
        raise StorageFailed(f"{name}: {error.strerror}") from error
