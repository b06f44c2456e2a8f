"""Adapt the event log to analytics, which reads its files: in the process that writes them or in another one."""

from __future__ import annotations

from pathlib import Path

import msgspec
import structlog

from kernel.errors import StorageFailed
from services.analytics.event_source import RecordPage, StoredRecord
from services.events.consumers import ConsumerCursors
from services.events.framing import Framed
from services.events.record import decode_record
from services.events.segments import list_segments, read_page

CONSUMER = "analytics"

log = structlog.get_logger()


class EventLogForAnalytics:
    """The event log in a folder, as a source of records."""

    def __init__(self, folder: Path, name: str, consumer: str = CONSUMER) -> None:
        self._folder = folder
        self._cursors = ConsumerCursors(folder)
        self._consumer = consumer
        self.name = name

    def read(self, cursor: int) -> RecordPage:
        """The next records, perhaps none. Raises StorageFailed."""
        try:
            if cursor == 0 and (segments := list_segments(self._folder)):
                cursor = segments[0].base  # what lies before was deleted when nobody followed the log
            page = read_page(self._folder, cursor)
        except OSError as error:
            raise StorageFailed(f"the event log {self._folder} cannot be read: {error}") from error
        if page.skipped:
            log.error("event-log-records-lost", bytes=page.skipped, cursor=cursor)
        return RecordPage([_record(one) for one in page.records if one.payload is not None], page.cursor)

    def acknowledge(self, cursor: int, now: float) -> None:
        """Let the log delete what is in the lake. Raises StorageFailed."""
        try:
            self._cursors.acknowledge(self._consumer, cursor, now)
        except OSError as error:
            raise StorageFailed(f"the cursor of the event log cannot be written: {error}") from error


def _record(framed: Framed) -> StoredRecord:
    payload = framed.payload or b""
    try:
        record = decode_record(payload)
    except msgspec.DecodeError:
        return StoredRecord(framed.position, framed.end, "unread", 0.0, payload)
    return StoredRecord(
        framed.position, framed.end, record.kind.value, record.received, record.body, record.subject, record.sessions,
        record.country,
    )  # fmt: skip
