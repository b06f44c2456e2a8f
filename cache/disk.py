"""The disk tier: one file an object in a folder, an index in memory, recovery at start.

    DIR/lock             held by the process that owns the folder
    DIR/tmp/             files being written; emptied at start
    DIR/objects/ab/NAME  whole files; NAME = hash of the key and a number, so that no name is ever used twice

The methods that touch the disk are plain functions to be run in a thread; the books are kept on the loop.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
from collections.abc import Iterator
from pathlib import Path

import xxhash

from cache.body import FILE_LEAST, Body, DiskBody, spare
from cache.disk_file import Damaged, open_body, read_head, read_object, write_object
from cache.entry import Entry
from cache.eviction.admission import Admission, Always
from cache.eviction.policy import Policy
from kernel.clock import Instant
from kernel.errors import BadSettings, StorageFailed

_NAME = re.compile("[0-9a-f]{16}-[0-9a-f]{1,16}")
PAGE = 4096
"""What a file takes of the disk is counted in these, as the file system does."""
MOST_ERRORS = 5
"""After so many I/O errors in a row the tier is taken out of use; the edge goes on without it."""


class DiskTier:
    """Which entries have a file, under a budget; `entry.disk` is the file's name."""

    def __init__(self, folder: Path, budget: int, policy: Policy[Entry], admission: Admission | None = None) -> None:
        self.folder = folder
        self.budget = budget
        self.largest = budget // 4
        self.errors = 0
        self.damaged = 0
        self.broken = False
        self._policy = policy
        self._admission = Always() if admission is None else admission
        self._number = 0
        self._lock = -1

    # -- books, on the loop ------------------------------------------------------------------------------------

    @property
    def used(self) -> int:
        """Bytes counted."""
        return self._policy.used

    def takes(self, cost: int) -> bool:
        """Whether an object of this cost may come in."""
        return not self.broken and cost <= self.largest

    def admits(self, entry: Entry) -> bool:
        """Whether an object that was fetched now, and that the tier takes, is worth a write; asked once a fetch."""
        return self._admission.admits(entry.key, entry.cost)

    def new_name(self, key: bytes) -> str:
        """A file name for a key, never used before in this folder."""
        self._number += 1
        return f"{xxhash.xxh3_64_hexdigest(key)}-{self._number:x}"

    def put(self, entry: Entry, name: str, writing: int = 0) -> list[Entry]:
        """The entry's file is written; the entries that had to leave (files still there: `unlink` them)."""
        entry.disk = name
        self._policy.insert(entry, -(-entry.cost // PAGE) * PAGE)
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

    def touch(self, entry: Entry) -> None:
        """The entry was asked for."""
        self._policy.touch(entry)

    def drop(self, entry: Entry) -> str | None:
        """Take the entry out of the books; the name of the file to unlink."""
        self._policy.remove(entry)
        name, entry.disk = entry.disk, None
        return name

    def failed(self) -> None:
        """Count an I/O error; the fifth in a row takes the tier out of use."""
        self.errors += 1
        if self.errors >= MOST_ERRORS:
            self.broken = True

    # -- the disk, in a thread ---------------------------------------------------------------------------------

    def write(self, name: str, head: dict[str, object], body: bytes | memoryview) -> None:
        """Write one object; StorageFailed when the disk is full or fails, and nothing is left behind."""
        temporary = self.folder / "tmp" / name
        try:
            write_object(temporary, head, body)
            temporary.replace(self._path(name))
        except OSError as error:
            with contextlib.suppress(OSError):
                temporary.unlink()
            raise StorageFailed(f"{temporary}: {error.strerror}") from error

    def read(self, name: str, key: bytes) -> bytes:
        """A verified body; Damaged when the file is not what was written, StorageFailed when it cannot be read."""
        try:
            return read_object(self._path(name), key)[1]
        except FileNotFoundError:
            raise Damaged("the file is gone") from None
        except OSError as error:
            raise StorageFailed(f"{name}: {error.strerror}") from error

    def read_body(self, name: str, key: bytes, now: float, *, files: bool) -> Body:
        """A verified body, as `open_body` gives it where `files` are wanted, else as bytes. Errors as of `read`."""
        return self.open_body(name, key, now) if files else self.read(name, key)

    def open_body(self, name: str, key: bytes, now: float) -> Body:
        """A verified body, as an open file when it is large enough to be sent so. Errors as of `read`."""
        path = self._path(name)
        try:
            if path.stat().st_size < FILE_LEAST:
                return self.read(name, key)
            body = open_body(path, key, now)
            return body if spare(body.fd) else bytes(body.view(0, len(body)))
        except FileNotFoundError:
            raise Damaged("the file is gone") from None
        except OSError as error:
            raise StorageFailed(f"{name}: {error.strerror}") from error

    def written_body(self, name: str, length: int, now: float) -> DiskBody | None:
        """What was written a moment ago, opened for sending; None when it is gone again or no descriptor is left."""
        try:
            fd = os.open(self._path(name), os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            return None
        body = DiskBody(fd, length, now)
        return body if spare(fd) else None

    def unlink(self, names: list[str]) -> None:
        """Remove files; those already gone are no matter."""
        for name in names:
            with contextlib.suppress(OSError):
                self._path(name).unlink()

    def mark_stale(self, names: list[str]) -> None:
        """Mark files stale for the next start (a soft purge): a file dated 1970 is never fresh."""
        for name in names:
            with contextlib.suppress(OSError):
                os.utime(self._path(name), (0, 0))

    def _path(self, name: str) -> Path:
        return self.folder / "objects" / name[:2] / name

    # -- start and stop ----------------------------------------------------------------------------------------

    def open(self, now: Instant) -> list[Entry]:
        """Lock the folder, remove what a crash left, and read every object's head: the entries, oldest first.

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
        for left in (self.folder / "tmp").iterdir():
            _remove(left)
        return self._recover(now)

    def _recover(self, now: Instant) -> list[Entry]:
        latest: dict[tuple[bytes, object], tuple[int, Entry]] = {}
        for path in self._files():
            number = int(path.name.rpartition("-")[2], 16)
            self._number = max(self._number, number)
            try:
                entry = Entry.from_disk(read_head(path)[0], now)
                if path.stat().st_mtime == 0:  # purged softly, nobody knows when: no window of staleness is left
                    entry.fresh_until = min(entry.fresh_until, now.mono)
                    entry.swr_until = entry.sie_until = entry.fresh_until
            except (Damaged, OSError, KeyError, TypeError, ValueError):
                self.damaged += 1
                _remove(path)
                continue
            entry.disk = path.name
            known = latest.get((entry.key, entry.vary))
            loser = path.name if known and known[0] > number else known[1].disk if known else None
            if loser:
                self.unlink([loser])
            if known is None or known[0] < number:
                latest[entry.key, entry.vary] = (number, entry)
        return [entry for _, entry in sorted(latest.values(), key=lambda pair: pair[0])]

    def _files(self) -> Iterator[Path]:
        for number in range(256):
            shard = self.folder / "objects" / f"{number:02x}"
            for path in shard.iterdir():
                if path.name.startswith(shard.name) and _NAME.fullmatch(path.name):
                    yield path
                else:
                    _remove(path)

    def close(self) -> None:
        """Let the folder go."""
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1


def _remove(path: Path) -> None:
    """Away with what is not ours or not whole; what cannot be removed (a folder) is not in our way."""
    with contextlib.suppress(OSError):
        path.unlink()
