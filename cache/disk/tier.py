"""The disk tier: one file for each object, an eviction policy under a budget, and an index of the files.

The accounting runs on the event loop. The methods that touch the disk are plain functions that run in threads. Over 300
lines because both change the state of one tier, and which method runs where is clearest side by side.
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

from cache.body import MIN_FILE_BYTES, Body, Chunk, DiskBody, Pieces, can_keep_open, view
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
"""The size of a file counts in whole pages, as in the file system."""
MAX_ERRORS = 5
"""I/O errors in a row after which the tier is suspended; the edge goes on without it."""
SUSPEND_SECONDS = 30.0
"""Length of the first suspension; each one that follows without a success is twice as long, up to
`MAX_SUSPEND_SECONDS`."""
MAX_SUSPEND_SECONDS = 600.0
_NO_ROOM = frozenset((errno.ENOSPC, errno.EDQUOT))

Head = dict[str, Any]


class _Sealed(StorageFailed):
    """The folder was handed over to a successor process."""


class DiskFull(StorageFailed):
    """The disk is full although the budget is not used up."""


class FolderLost(StorageFailed):
    """The folder or a part of it was deleted: see `DiskTier.recreate_folder`."""


class DiskTier:
    """The entries that have a file, within `budget` bytes; `entry.disk` is the number of the file."""

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
        """May be replaced while running; the new one starts without a memory."""
        self.is_draining = self.is_sealed = False
        """Draining: no new object is accepted. Sealed: the folder belongs to another process and is only read."""
        self._changing = 0
        self._changes = threading.Condition()
        self._number = 0
        self._folder = Folder(folder)
        self._journal = Journal(folder / "index", lambda: self._number)

    @classmethod
    def of_another_process(cls, folder: Path, policy: Policy[Entry]) -> DiskTier:
        """The files of another process's tier: they are only read, and every read is verified. Never open it; `policy`
        learns of hits and holds nothing."""
        made = cls(folder, 0, policy)
        made.is_draining = made.is_sealed = True
        return made

    # -- accounting, on the loop -------------------------------------------------------------------------------

    @property
    def used(self) -> int:
        """Bytes counted against the budget."""
        return self._policy.used

    @property
    def is_off(self) -> bool:
        """Whether the tier is out of use: after too many errors until one operation succeeds, or while removals cannot
        be recorded."""
        return self.errors >= MAX_ERRORS or self.pending_removals > 0

    @property
    def pending_removals(self) -> int:
        """Removed files whose removal is not recorded in the index yet."""
        return self._journal.pending_removals

    def is_suspended(self, now: float) -> bool:
        """Whether the tier is suspended at `now` (monotonic seconds) after too many errors."""
        return now < self.suspended_until

    def fits(self, cost: int, now: float) -> bool:
        """Whether the tier accepts an object of `cost` bytes."""
        return cost <= self.max_object_bytes and not self.is_draining and not self.is_suspended(now)

    def admits(self, entry: Entry) -> bool:
        """Whether a fetched object is worth a write; asked once for each fetch. The entry of a sliced object always is,
        since its slices are useless without it."""
        return self.admission.admits(entry.key, entry.cost) or entry.slice > 0

    def new_number(self) -> int:
        """A file number that was never used in this folder."""
        self._number += 1
        return self._number

    def file_name(self, key: bytes, number: int) -> str:
        """The name of file `number` of a cache key."""
        return f"{xxhash.xxh3_64_hexdigest(key)}-{number:x}"

    def put(self, entry: Entry, number: int, writing: int = 0) -> list[Entry]:
        """Account for a written file. Returns the entries to evict; their files still exist, so `unlink` them."""
        entry.disk = number
        self._policy.insert(entry, pages(entry.cost))
        return self.make_room(writing)

    def make_room(self, writing: int) -> list[Entry]:
        """Make room for `writing` bytes that are being written. Returns the entries to evict; their files still exist,
        so `unlink` them."""
        victims = []
        while self._policy.used + writing > self.budget:
            victim = self._policy.evict()
            if victim is None:
                break
            victims.append(victim)
        return victims

    def evict_on_full_disk(self, min_bytes: int) -> list[Entry]:
        """Entries to evict because the disk is full before the budget is used: `min_bytes`, or 1/64 of the tier if that
        is more, so that not every write meets a full disk."""
        return self.make_room(self.budget - self._policy.used + max(pages(min_bytes), self._policy.used // 64))

    def touch(self, entry: Entry) -> None:
        """Record a hit."""
        self._policy.touch(entry)

    def fits_without_eviction(self, cost: int) -> bool:
        """Whether `cost` more bytes would evict only objects without a hit."""
        return self._policy.used + cost <= self.budget or self._policy.fits_without_eviction(cost)

    def drop(self, entry: Entry) -> str | None:
        """Remove the entry; returns the name of the file to unlink, if any."""
        self._policy.remove(entry)
        number, entry.disk = entry.disk, None
        return None if number is None else self.file_name(entry.key, number)

    def note_error(self, now: float) -> None:
        """Count an I/O error. The fifth in a row suspends the tier, and so does each error after a suspension."""
        self.errors += 1
        if self.errors >= MAX_ERRORS and not self.is_suspended(now):
            self.suspended_until = now + self._suspend_seconds
            self._suspend_seconds = min(2 * self._suspend_seconds, MAX_SUSPEND_SECONDS)

    def note_folder_lost(self, now: float) -> None:
        """The folder is gone and cannot be created: suspend the tier."""
        self.errors = max(self.errors, MAX_ERRORS - 1)
        self.note_error(now)

    def note_success(self) -> None:
        """A read or write succeeded: reset the error count."""
        self.errors, self._suspend_seconds = 0, SUSPEND_SECONDS

    def note_folder_recreated(self) -> None:
        """The folder exists again: end the suspension."""
        self.note_success()
        self.suspended_until = 0.0

    # -- the disk, in a thread ---------------------------------------------------------------------------------

    def write(self, name: str, head: Head, body: Body, now: float | None = None) -> DiskBody | None:
        """Write one object; leave nothing behind on failure. Raises DiskFull, FolderLost or StorageFailed.

        Returns the body as an open file if `now` (monotonic seconds) is given, the body is large enough for `sendfile`
        and a descriptor is free; else None."""
        pieces = body.pieces if isinstance(body, Pieces) else (view(body, 0, len(body)),)
        fd = self._write(name, name, head, pieces)
        if now is not None and len(body) >= MIN_FILE_BYTES and can_keep_open(fd):
            return DiskBody(fd, len(body), now)
        os.close(fd)
        return None

    def write_head(self, name: str, head: Head) -> None:
        """Write a renewed head beside the object file, which stays as it is. Raises like `write`."""
        os.close(self._write(name, name + HEAD, head, ()))

    def _write(self, name: str, file: str, head: Head, pieces: Sequence[Chunk]) -> int:
        """Write and rename the file, then record it in the index: only files in the index are objects at a start."""
        with self._change():
            return self._write_file(name, file, head, pieces)

    def _write_file(self, name: str, file: str, head: Head, pieces: Sequence[Chunk]) -> int:
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
        """The head and the verified body. Raises Damaged if the file is not what was written, StorageFailed on an I/O
        error."""
        with _as_tier_errors(wanted.name):
            head, body = read_object(self._path(wanted.name), wanted)
            return self._newer_head(wanted, head), body

    def read_body(self, wanted: FileOf, now: float, *, files: bool) -> tuple[Head, Body]:
        """The head and the verified body: an open file if `files` is set and it is large enough for `sendfile`, else
        bytes. Raises like `read`."""
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
        """The head alone. Raises like `read`."""
        with _as_tier_errors(wanted.name):
            return self._newer_head(wanted, read_head(self._path(wanted.name), wanted))

    def _newer_head(self, wanted: FileOf, head: Head) -> Head:
        try:
            return read_head(self._path(wanted.name + HEAD), wanted)
        except FileNotFoundError:
            return head

    def unlink(self, names: list[str]) -> set[str]:
        """Record the removals in the index, then delete the files. Returns the names that could not be deleted; a file
        that is already gone counts as deleted."""
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
        """Record (name, head) lines that mark files stale for the next start (a soft purge).

        Returns the names that could not be recorded."""
        unmarked = []
        with contextlib.suppress(_Sealed), self._change():
            for name, line in entries:
                try:
                    self._journal.record_object(name, line)
                except OSError:
                    unmarked.append(name)
        return unmarked

    def sync_removals(self) -> None:
        """Make all removals so far durable, so that they survive a power cut. Raises DiskFull or StorageFailed."""
        try:
            with contextlib.suppress(_Sealed), self._change():
                self._journal.sync_removals()
        except OSError as error:
            raise _failure(error)(f"{self.folder}/index: {error.strerror}") from error

    def _path(self, name: str) -> Path:
        return path_of(self.folder, name)

    # -- start and stop ----------------------------------------------------------------------------------------

    def open(self, now: Instant, wait: float = 0.0) -> RecoveredObjects:
        """Lock the folder, delete files that a crash left half written, and recover the entries; all are cold.

        `wait`: seconds to wait until a predecessor releases the folder. Raises BadSettings if it cannot be used."""
        self._folder.open(wait)
        try:
            found = recover(self.folder, self._journal, now)
        except OSError as error:
            self.close()
            raise BadSettings("cache_dir", f"{self.folder} cannot be used: {error.strerror}") from None
        self._number, self.damaged = found.number, self.damaged + found.damaged
        return found

    def sweep(self, shard: str, kept: Container[str], last: int) -> set[str]:
        """See `sweep_shard`. Raises StorageFailed if the shard cannot be listed."""
        try:
            with self._change():
                return sweep_shard(self.folder, shard, kept, last)
        except OSError as error:
            raise StorageFailed(f"{self.folder}/objects/{shard}: {error.strerror}") from error

    def missing(self, names: Sequence[str]) -> list[str]:
        """The names of those files that do not exist."""
        return [name for name in names if not self._path(name).exists()]

    def owns_folder(self) -> bool:
        """Whether the folder exists and is the one that this process locked."""
        return self.is_sealed or self._folder.is_ours()

    def recreate_folder(self) -> bool:
        """Create the folder, or what is missing in it. Returns whether the whole folder was gone.

        Raises StorageFailed on failure, for instance because another process locked a new folder there."""
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
        """Hold off `seal` while the folder is being changed. Raises _Sealed once it was handed over."""
        with self._changes:
            if self.is_sealed:
                raise _Sealed(f"{self.folder} was handed over")
            self._changing += 1
        try:
            yield
        finally:
            with self._changes:
                self._changing -= 1
                self._changes.notify_all()

    def seal(self) -> None:
        """Hand the folder over to a successor once no change is running. From then on it is only read: files may vanish
        at any moment, and every read is verified as usual."""
        with self._changes:
            self.is_draining = self.is_sealed = True
            self._changes.wait_for(lambda: not self._changing)
        self.close()

    def close(self) -> None:
        """Close the index and release the lock."""
        self._journal.close()
        self._folder.close()


def pages(cost: int) -> int:
    """`cost` rounded up to whole pages."""
    return -(-cost // PAGE) * PAGE


def _failure(error: OSError) -> type[StorageFailed]:
    """The error class of this tier for an OSError of a write."""
    if error.errno in (errno.ENOENT, errno.ENOTDIR):
        return FolderLost
    return DiskFull if error.errno in _NO_ROOM else StorageFailed


@contextlib.contextmanager
def _as_tier_errors(name: str) -> Iterator[None]:
    """Turn OSErrors of a read into this tier's errors."""
    try:
        yield
    except FileNotFoundError:
        raise Damaged("the file is gone") from None
    except OSError as error:
        raise StorageFailed(f"{name}: {error.strerror}") from error
