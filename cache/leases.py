"""Leases: bodies kept readable until a response ends, even if they are evicted or purged in the meantime.

A slice of an object without a strong ETag cannot be fetched again on its own (RFC 9110 §15.3.7.3), so eviction would
break the response. A lease holds it: by reference when it is in memory, otherwise by its open file, which survives
`unlink`. Checksums are verified when it is read. The number and memory of leases are bounded.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from cache.body import Body, DiskBody, FileBody, can_keep_open_when_cold
from cache.disk.object_file import Damaged, FileOf, open_body
from cache.disk.recovery import path_of
from cache.entry import Entry
from cache.tiers import Tiers

MAX_LEASES = 512


class Lease(NamedTuple):
    """One held body: `body` when it is in memory or already verified, otherwise `file`. `wanted` identifies the object
    file."""

    wanted: FileOf | None
    mark: bytes
    body: Body | None
    file: FileBody | None

    @property
    def memory(self) -> int:
        """Bytes of RAM that the lease may hold beyond the tier's budget."""
        return 0 if self.body is None or isinstance(self.body, DiskBody) else len(self.body)


class Leases:
    """All leases of one cache; `count` of them hold `memory` bytes of RAM."""

    def __init__(self, tiers: Tiers) -> None:
        self._tiers = tiers
        self.count = self.memory = 0

    def acquire(self, entries: Sequence[Entry], done: Callable[[list[Lease] | None], object]) -> None:
        """Hold the bodies of these entries. Calls `done` with the leases in order, with [] when the limits are reached,
        or with None when one body is gone."""
        tiers, wanted = self._tiers, sum(entry.length or 0 for entry in entries if entry.disk is None)
        if self.count + len(entries) > MAX_LEASES or self.memory + wanted > tiers.ram.budget // 2:
            done([])
        else:
            tiers.task_runner.spawn(self._acquire([self._lease(entry) for entry in entries], done))

    def _lease(self, entry: Entry) -> Lease:
        body = entry.body if entry.body is not None else self._tiers.writer.bodies.get(entry)
        disk, wanted = self._tiers.disk, None
        if disk is not None and entry.disk is not None:
            wanted = FileOf(disk.file_name(entry.key, entry.disk), entry.key, entry.vary)
        made = Lease(wanted, entry.mark, None if wanted is not None and not isinstance(body, FileBody) else body, None)
        self.count, self.memory = self.count + 1, self.memory + made.memory
        return made

    async def _acquire(self, leases: list[Lease], done: Callable[[list[Lease] | None], object]) -> None:
        disk, taken = self._tiers.disk, list[Lease]()
        paths = [
            None if disk is None or lease.wanted is None else path_of(disk.folder, lease.wanted.name)
            for lease in leases
        ]
        try:
            files = await self._tiers.task_runner.offload(
                lambda: [_open(path) if lease.body is None else None for path, lease in zip(paths, leases, strict=True)]
            )
            taken = [lease._replace(file=file) for lease, file in zip(leases, files, strict=True)]
        except OSError:
            pass
        finally:
            if not taken:
                self.release(leases)
            done(taken or None)

    def read(self, lease: Lease, done: Callable[[Body | None], object]) -> None:
        """Call `done` with the verified body, or with None when it is damaged."""
        body = lease.body
        if body is not None and (isinstance(body, bytes) or body.is_servable(self._tiers.clock.mono())):
            done(body)
        else:
            self._tiers.task_runner.spawn(self._read(lease, done))

    async def _read(self, lease: Lease, done: Callable[[Body | None], object]) -> None:
        file = lease.file if lease.file is not None else lease.body
        now, found = self._tiers.clock.mono(), None
        try:
            wanted = lease.wanted
            if isinstance(file, FileBody) and wanted is not None:
                path = Path(f"/proc/self/fd/{file.fd}")
                head, body = await self._tiers.task_runner.offload(lambda: open_body(path, wanted, now))
                found = body if head.get("mark") == lease.mark else None
        except (Damaged, OSError):
            self._tiers.counts.disk_damaged += 1
        finally:
            done(found)

    def release(self, leases: Iterable[Lease]) -> None:
        """Give leases back; their files are closed with the last reference."""
        for lease in leases:
            self.count -= 1
            self.memory -= lease.memory


def _open(path: Path | None) -> FileBody:
    """Open a file for a lease. Raises OSError when it is gone or too many files are open."""
    if path is None:
        raise FileNotFoundError
    made = FileBody(os.open(path, os.O_RDONLY | os.O_CLOEXEC), 0)
    if not can_keep_open_when_cold(made.fd):
        raise OSError("too many files are open")
    return made
