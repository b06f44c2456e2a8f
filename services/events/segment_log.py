"""The event log in a folder: appended by one process, read by any.

An append returns once its record is on the disk; records that come in while a flush runs go together in the next one.
The log is bounded: segments that every consumer has read go when they are older than `keep_seconds`. Where consumers
lag so far that `max_bytes` are used, appends are refused, because an event that was accepted must not be lost.

Over 300 lines because appends, retention and erasure share the files and must agree on which of them is being written.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import structlog

from kernel.clock import Clock
from kernel.errors import Overloaded, StorageFailed
from kernel.vocabulary import OverloadReason
from services.events.consumers import ConsumerCursors
from services.events.framing import MAX_RECORD_BYTES, frame_record
from services.events.readers import read_in_thread
from services.events.record import Record, encode_record
from services.events.segments import Page, Segment, erased_copy, find_end, list_segments, segment_path
from system.durable_files import replace_file, sync_path
from system.private_files import private_folder
from system.threads import finish_in_thread

SEGMENT_BYTES = 64 << 20
MAX_WAITING_BYTES = 16 << 20
"""Bytes of appends that wait for a flush; above it, appends are refused."""
MAX_GROUP_BYTES = 4 << 20
RETAIN_SECONDS = 60.0
"""How often old segments are looked for."""

log = structlog.get_logger()


class EventAppender(Protocol):
    """What producers need of the log."""

    async def append(self, record: Record) -> None:
        """Store a record; it is on the disk on return. Raises Overloaded, StorageFailed."""


@dataclass(frozen=True, slots=True)
class Retention:
    """How much is kept: what all consumers have read for `keep_seconds`, and never more than `max_bytes`."""

    keep_seconds: float = 7 * 86_400.0
    max_bytes: int = 20 << 30


class SegmentLog:
    """The writer. `open`, then `run` as one task; `close` at the end.

    A second process that opens the same folder for writing is refused: two writers would give one position twice.
    """

    def __init__(
        self, folder: Path, clock: Clock, retention: Retention | None = None, segment_bytes: int = SEGMENT_BYTES
    ) -> None:
        self.folder = folder
        self.end = 0
        """The position after the last record that is on the disk."""
        self.cursors = ConsumerCursors(folder)
        self._clock = clock
        self._retention = retention or Retention()
        self._segment_bytes = segment_bytes
        self._lock = -1
        self._file = -1
        self._segment = Segment(folder, 0)
        self._waiting: list[tuple[bytes, asyncio.Future[None]]] = []
        self._waiting_bytes = 0
        self._used_bytes = 0
        self._wake = asyncio.Event()
        self._grown = asyncio.Event()
        self._is_tail_unknown = False
        """Whether a write failed, so that the file may hold bytes after `end`."""
        self._append_turn = asyncio.Lock()
        self._files_turn = asyncio.Lock()
        """Retention and erasure take turns; neither touches the segment that is being written."""

    def open(self) -> None:
        """Take the folder, and start a segment beyond all that a reader may have seen. Raises StorageFailed."""
        try:
            private_folder(self.folder)
            self._lock = os.open(self.folder / "writer.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            segments = list_segments(self.folder)
            base = 0
            if segments:
                last = segments[-1]
                torn = last.base + last.size() - find_end(last)
                if torn:
                    log.warning("event-log-tail-cut", file=last.path.name, bytes=torn)
                    _truncate(last.path, last.size() - torn)
                os.utime(last.path, (self._clock.wall(),) * 2)
                # A reader may have seen records that a power cut took: start where no record can have been.
                base = last.base + max(last.size() + torn, 2 * self._segment_bytes)
            self._used_bytes = sum(segment.size() for segment in segments)
            self._start_segment(base)
        except BlockingIOError:
            raise StorageFailed(f"the event log {self.folder} is written by another process") from None
        except OSError as error:
            raise StorageFailed(f"the event log {self.folder} cannot be opened: {error}") from error

    def close(self) -> None:
        """Give the folder back; appends that wait are refused."""
        self._refuse_waiting(StorageFailed("stopping: the event was not stored"))
        for descriptor in (self._file, self._lock):
            if descriptor >= 0:
                os.close(descriptor)
        self._file = self._lock = -1

    async def append(self, record: Record) -> None:
        """Store a record; it is on the disk on return. Raises Overloaded, StorageFailed, ValueError (too long)."""
        payload = encode_record(record)
        if len(payload) > MAX_RECORD_BYTES:
            raise ValueError(f"an event record has at most {MAX_RECORD_BYTES} bytes, not {len(payload)}")
        if self._file < 0:
            raise StorageFailed(f"the event log {self.folder} is not open")
        if self._waiting_bytes + len(payload) > MAX_WAITING_BYTES:
            raise Overloaded(OverloadReason.EVENTS_WAITING)
        if self._used_bytes + self._waiting_bytes > self._retention.max_bytes:
            raise Overloaded(OverloadReason.EVENT_LOG_FULL)
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((payload, done))
        self._waiting_bytes += len(payload)
        self._wake.set()
        await done

    async def run(self) -> None:
        """Write groups, and delete old segments, until cancelled."""
        retain_at = self._clock.mono()
        try:
            while True:
                if self._clock.mono() >= retain_at:
                    retain_at = self._clock.mono() + RETAIN_SECONDS
                    await self.delete_old_segments()
                timer = self._clock.call_later(max(0.0, retain_at - self._clock.mono()), self._wake.set)
                await self._wake.wait()
                timer.cancel()
                self._wake.clear()
                while self._waiting:
                    await self._write_group()
        finally:
            self._refuse_waiting(StorageFailed("stopping: the event was not stored"))

    async def _write_group(self) -> None:
        group: list[tuple[bytes, asyncio.Future[None]]] = []
        size = 0
        for payload, done in self._waiting:
            if group and size + len(payload) > MAX_GROUP_BYTES:
                break
            group.append((payload, done))
            size += len(payload)
        del self._waiting[: len(group)]
        failed: Exception | None = StorageFailed("stopping: whether the event was stored is not known")
        try:
            async with self._append_turn:
                await finish_in_thread(self._write, [payload for payload, _ in group])
            failed = None
        except OSError as error:
            log.exception("event-log-write-failed", why=error.strerror or str(error))
            failed = StorageFailed(f"the event log {self.folder} cannot be written: {error}")
        finally:
            self._waiting_bytes -= size
            for _, done in group:
                _settle(done, failed)
        self._grown.set()
        self._grown = asyncio.Event()

    def _write(self, payloads: list[bytes]) -> None:
        if self._is_tail_unknown:
            # No producer was told that the records of the failed write are stored. Cut them off, or, where the disk
            # refuses even that, leave them behind: the next segment starts beyond them.
            with contextlib.suppress(OSError):
                os.ftruncate(self._file, self.end - self._segment.base)
            self._start_segment(self.end + 2 * self._segment_bytes)
            self._is_tail_unknown = False
        elif self.end - self._segment.base >= self._segment_bytes:
            self._start_segment(self.end)
        position, frames = self.end, []
        for payload in payloads:
            frames.append(frame_record(payload, position))
            position += len(frames[-1])
        self._is_tail_unknown = True
        _write_all(self._file, b"".join(frames))
        os.fdatasync(self._file)
        self._is_tail_unknown = False
        self._used_bytes += position - self.end
        self.end = position

    def _start_segment(self, base: int) -> None:
        path = segment_path(self.folder, base)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC, 0o600)
        if self._file >= 0:
            os.utime(self._file, (self._clock.wall(),) * 2)  # retention counts from here, by our clock
            os.close(self._file)
        self._file, self._segment, self.end = descriptor, Segment(path, base), base
        sync_path(self.folder)

    async def read(self, cursor: int) -> Page:
        """The next records from a cursor on, waiting for the first one. Raises StorageFailed."""
        while True:
            grown = self._grown
            page = await read_in_thread(self.folder, cursor)
            if page.records or page.skipped:
                return page
            cursor = page.cursor
            await grown.wait()

    async def delete_old_segments(self) -> int:
        """Delete segments that every consumer has read and that are past their time; how many."""
        async with self._files_turn:
            return await finish_in_thread(self._delete_old, self._clock.wall())

    def _delete_old(self, now: float) -> int:
        segments = list_segments(self.folder)
        cursors = self.cursors.read_all(now)
        held_from = min(cursors.values(), default=self.end)
        used = sum(segment.size() for segment in segments)
        deleted = 0
        for segment in segments[:-1]:
            size = segment.size()
            if segment.base + size > held_from:
                break
            written = segment.path.stat().st_mtime
            if now - written < self._retention.keep_seconds and used <= self._retention.max_bytes * 9 // 10:
                break
            log.info("event-log-segment-deleted", file=segment.path.name)
            segment.path.unlink()
            used -= size
            deleted += 1
        self._used_bytes = used
        return deleted

    async def erase(self, matches: Callable[[bytes], bool]) -> int:
        """Overwrite each record whose payload matches, for good; in how many files. Raises StorageFailed.

        The file of a segment is replaced whole: a crash leaves the old one or the new one. Repeat the call then.
        """
        try:
            async with self._append_turn:
                await finish_in_thread(self._rotate)
            erased = 0
            for segment in list_segments(self.folder):
                async with self._files_turn:
                    if segment != self._segment:
                        erased += await finish_in_thread(_erase_in, segment, matches)
        except OSError as error:
            raise StorageFailed(f"the event log {self.folder} cannot be rewritten: {error}") from error
        return erased

    def _rotate(self) -> None:
        if self.end > self._segment.base:
            self._start_segment(self.end)

    def _refuse_waiting(self, error: Exception) -> None:
        waiting, self._waiting, self._waiting_bytes = self._waiting, [], 0
        for _, done in waiting:
            _settle(done, error)


def _erase_in(segment: Segment, matches: Callable[[bytes], bool]) -> int:
    try:
        data = erased_copy(segment, matches)
    except FileNotFoundError:  # retention was faster
        return 0
    if data is None:
        return 0
    modified = segment.path.stat().st_mtime
    replace_file(segment.path, data)
    os.utime(segment.path, (modified, modified))  # retention counts from when the records were written
    return 1


def _write_all(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


def _truncate(path: Path, size: int) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    try:
        os.ftruncate(descriptor, size)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _settle(done: asyncio.Future[None], error: Exception | None) -> None:
    if done.done():  # the producer has left
        return
    if error is None:
        done.set_result(None)
    else:
        done.set_exception(error)
