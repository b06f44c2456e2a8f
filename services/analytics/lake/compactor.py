"""Moves records from a log to the lake, exactly once each, and keeps the views that are open.

In memory are the events since the last flush and the open views. A flush writes down what it is about to do (`intent`:
up to which position, at what time), puts the files, whose names follow from the positions, and then replaces the
checkpoint: the position, and the open views as they are there. After a crash the checkpoint is read, and so are the
records up to the position of an intent that was left; the same flush then replaces whatever had been written of it. So
an event is in the lake once, wherever the process was killed.

Views close while no record comes, so the range of their files grows with every flush: no flush has another's name.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import structlog
from msgspec import Struct, field

from kernel.errors import StorageFailed
from services.analytics.event_source import RecordSource, StoredRecord, events_of
from services.analytics.lake.lake_files import VIEWS, LakeFile, Partition, partition_at
from services.analytics.lake.lake_store import LakeStore
from services.analytics.lake.parquet_rows import (
    EVENT_SCHEMA,
    VIEW_SCHEMA,
    EventRow,
    encode_parquet,
    event_row,
    table_of,
)
from services.analytics.views.view import ViewRow
from services.analytics.views.view_book import ViewBook
from system.durable_files import replace_file
from system.private_files import private_folder

FLUSH_ROWS = 200_000
FLUSH_BYTES = 64 << 20
MAX_STATE_BYTES = 1 << 30

log = structlog.get_logger()


class Checkpoint(Struct, array_like=True):
    """What is in the lake: everything before `cursor`; and the open views there."""

    cursor: int
    views: bytes
    newest: dict[str, int] = field(default_factory=dict)
    """The newest position of each origin."""
    views_end: int = 0
    """Where the range of the last file of views ends."""


class Intent(Struct, array_like=True):
    """A flush that has begun: of the positions from `start` to `until`, at `now` in Unix seconds.

    `views_start` is where the range of its file of views starts; every flush has another one.
    """

    start: int
    until: int
    now: float
    views_start: int = 0

    @property
    def views_end(self) -> int:
        """Where that range ends: it is never empty, even where nothing was read."""
        return max(self.views_start + 1, self.until)


class Compactor:
    """One source's way into the lake. Calls block and take turns: one thread at a time."""

    def __init__(
        self,
        folder: Path,
        source: RecordSource,
        lake: LakeStore,
        book: ViewBook,
        fault: Callable[[str], None] = lambda _: None,
    ) -> None:
        """`fault(step)` is called at each step of a flush, for tests that kill it there."""
        self._folder = folder
        self._source = source
        self._lake = lake
        self.book = book
        self._fault = fault
        self._rows: dict[Partition, list[EventRow]] = {}
        self._closed: list[ViewRow] = []
        self._row_count = 0
        self._bytes = 0
        self._started = 0
        self._newest: dict[str, int] = {}
        self._views_end = 0
        self._intent: Intent | None = None
        """The flush that failed halfway."""
        self.cursor = 0
        self._lock = -1
        self._is_open = False

    def open(self) -> None:
        """Go on from the checkpoint, and finish the flush that was left. Raises StorageFailed."""
        try:
            private_folder(self._folder)
            self._lock = os.open(self._folder / "compactor.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise StorageFailed(f"{self._folder} is used by another compactor") from None
        except OSError as error:
            raise StorageFailed(f"{self._folder} cannot be opened: {error.strerror}") from error
        try:
            self._go_on()
            self._is_open = True
        except BaseException:
            self.close()
            raise

    def _go_on(self) -> None:
        self._rows, self._closed, self._row_count, self._bytes = {}, [], 0, 0
        self.cursor = self._started = self._views_end = 0
        self._newest = {}
        self._intent = None
        self.book.clear()
        checkpoint = self._load("checkpoint", Checkpoint)
        if checkpoint is not None:
            self.cursor = self._started = checkpoint.cursor
            self.book.restore(checkpoint.views)
            self._newest = checkpoint.newest
            self._views_end = max(checkpoint.views_end, checkpoint.cursor)
        intent = self._load("intent", Intent)
        if intent is not None and (intent.start, intent.views_start) == (self._started, self._views_end):
            while self.cursor < intent.until and self.read_some(intent.until):
                pass
            self.cursor = intent.until
            self._flush(intent)

    def close(self) -> None:
        """Give the folder back."""
        self._is_open = False
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1

    def read_some(self, until: int | None = None) -> int:
        """Take the next records, those before `until`; how many. Raises StorageFailed."""
        page = self._source.read(self.cursor)
        while not page.records and page.cursor > self.cursor:
            # A page of erased records is not the end of the log.
            self.cursor = page.cursor
            page = self._source.read(self.cursor)
        taken = 0
        for record in page.records:
            if until is not None and record.position >= until:
                return taken
            self._take_in(record)
            self.cursor = record.end
            taken += 1
        self.cursor = max(self.cursor, page.cursor)
        return taken

    def _take_in(self, record: StoredRecord) -> None:
        if record.origin:
            # Records of one origin come in its order; one that is older was sent again after a crash.
            if record.origin_position <= self._newest.get(record.origin, -1):
                return
            self._newest[record.origin] = record.origin_position
        events = events_of(record)
        rows = self._rows.setdefault(partition_at(record.received, record.kind), [])
        rows += [event_row(event, record.position, number) for number, event in enumerate(events)]
        self._row_count += len(events)
        self._bytes += len(record.body)
        self.book.add_batch(events)

    @property
    def is_open(self) -> bool:
        """Whether it has read its checkpoint and holds the folder."""
        return self._is_open

    @property
    def is_full(self) -> bool:
        """Whether as much has been read as one flush should write."""
        return self._row_count >= FLUSH_ROWS or self._bytes >= FLUSH_BYTES

    def close_views(self, now: float) -> list[ViewRow]:
        """Close the views that are over at `now`; the next flush writes them."""
        closed = self.book.close_due(now)
        self._closed += closed
        return closed

    def unflushed_views(self) -> list[ViewRow]:
        """The views that closed since the last flush."""
        return list(self._closed)

    def flush(self, now: float, *, always: bool = False) -> int:
        """Write what was read to the lake; how many events. `now` in Unix seconds. Raises StorageFailed.

        `always`: replace the checkpoint even where nothing was read, because views were forgotten.
        """
        self.close_views(now)
        if self.cursor == self._started and not self._closed and not always:
            return 0
        intent = Intent(self._started, self.cursor, now, self._views_end)
        if self._intent is not None and self._views_file(self._intent).partition != self._views_file(intent).partition:
            # This flush writes the views of the one that failed into another hour, where no range can span them.
            self._lake.delete([self._views_file(self._intent).key])
        self._save("intent", intent)
        self._intent = intent
        self._fault("intent")
        return self._flush(intent)

    def _flush(self, intent: Intent) -> int:
        self.close_views(intent.now)
        count = self._row_count
        for partition, rows in sorted(self._rows.items()):
            self._put(LakeFile(partition, self._source.name, intent.start, intent.until), rows, EVENT_SCHEMA)
        if self._closed:
            self._put(self._views_file(intent), self._closed, VIEW_SCHEMA)
        self._save("checkpoint", Checkpoint(intent.until, self.book.encode(), self._newest, intent.views_end))
        self._fault("checkpoint")
        self._rows, self._closed, self._row_count, self._bytes = {}, [], 0, 0
        self._started, self._views_end, self._intent = intent.until, intent.views_end, None
        self._source.acknowledge(intent.until, intent.now)
        self._fault("acknowledged")
        return count

    def _views_file(self, intent: Intent) -> LakeFile:
        return LakeFile(partition_at(intent.now, VIEWS), self._source.name, intent.views_start, intent.views_end)

    def _put(self, file: LakeFile, rows: Any, schema: Any) -> None:
        self._lake.put(file.key, encode_parquet(table_of(rows, schema)))
        self._fault("put")

    def forget_person(self, subjects: frozenset[str], sessions: frozenset[str]) -> frozenset[str]:
        """Drop a person from what is not in the lake yet; all their sessions. Flush `always` after it, because the
        checkpoint still holds their open views."""
        theirs = sessions | {
            row.session for rows in self._rows.values() for row in rows if row.subject in subjects and row.session
        }
        for partition, rows in self._rows.items():
            self._rows[partition] = [row for row in rows if row.session not in theirs and row.subject not in subjects]
        self._closed = [row for row in self._closed if row.session not in theirs]
        self.book.forget_sessions(theirs)
        return theirs

    def _load(self, name: str, kind: Any) -> Any:
        path = self._folder / name
        try:
            return msgspec.msgpack.decode(path.read_bytes(), type=kind)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise StorageFailed(f"{path} cannot be read: {error.strerror}") from error
        except (msgspec.DecodeError, ValueError) as error:
            raise StorageFailed(f"{path} is damaged: {error}") from error

    def _save(self, name: str, value: Struct) -> None:
        try:
            replace_file(self._folder / name, msgspec.msgpack.encode(value))
        except OSError as error:
            raise StorageFailed(f"{self._folder / name} cannot be written: {error.strerror}") from error
