"""`matinee events import FILE`: import viewers' feedback from a CSV file."""

from __future__ import annotations

import asyncio
import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from services.import_file import BadLines, ImportFile, open_import_file
from services.recommend.events import HEADER, FeedbackEvent, parse_row
from services.recommend.store import FeedbackStore
from services.storage.location import data_setting, database_setting, locate_database, password_file_setting
from system.clock import SystemClock

BATCH = 5000
MAX_LINE_LENGTH = 4096


@dataclass(frozen=True)
class EventsSettings:
    """`matinee events import FILE`."""

    data: Path = data_setting()
    database: str | None = database_setting()
    database_password_file: Path | None = password_file_setting()


SETTINGS = EventsSettings


def run(settings: EventsSettings, file: str) -> int:
    """Import FILE. Returns 1 if any line was invalid; the valid ones are imported all the same."""
    return asyncio.run(_import(settings, file))


async def _import(settings: EventsSettings, file: str) -> int:
    with open_import_file(file) as source:
        store = FeedbackStore(locate_database(settings, "recommend"))
        await store.open()
        faults = BadLines(source)
        importer = _Importer(source, store)
        try:
            await importer.import_rows(faults)
        finally:  # Keep what was read before a damaged or truncated file broke off.
            try:
                await importer.store_batch()
            finally:
                await store.close()
    print(importer.summary())
    if faults.count:
        source.print_line(f"skipped {faults.count} invalid lines")
    return 1 if faults.count else 0


class _Importer:
    """Reads a file into batches, and counts its events."""

    def __init__(self, source: ImportFile, store: FeedbackStore) -> None:
        self._source = source
        self._store = store
        self._clock = SystemClock()
        self._batch: list[FeedbackEvent] = []
        self._read = 0
        self._stored = 0

    async def import_rows(self, faults: BadLines) -> None:
        """Store the valid lines, and report the others."""
        for line, row in _rows(self._source):
            if row is None:
                faults.report(line, f"is longer than {MAX_LINE_LENGTH} characters, or not UTF-8")
                continue
            found = parse_row(row)
            if not isinstance(found, FeedbackEvent):
                field, why = found
                faults.report(line, f"field `{field}`: {why}" if field else why)
                continue
            self._batch.append(found)
            if len(self._batch) >= BATCH:
                await self.store_batch()
                self._source.show_progress(f"{self._read} events")

    async def store_batch(self) -> None:
        """Store the events read since the last batch."""
        batch, self._batch = self._batch, []
        if batch:
            self._read += len(batch)
            self._stored += await self._store.add_events(batch, self._clock.wall())

    def summary(self) -> str:
        """The result in one line."""
        known = self._read - self._stored
        return f"{self._stored} events stored" + (
            f"; {known} were stored before, or are in the file twice" * bool(known)
        )


def _rows(source: ImportFile) -> Iterator[tuple[int, list[str] | None]]:
    """Yield (line number from 1, fields) of each line except the header and empty ones; None for an unreadable one.

    Lines end with LF, CRLF or CR.
    """
    lines = io.TextIOWrapper(source.stream, "utf-8", "surrogateescape", newline=None)
    number = 0
    try:
        while line := lines.readline(MAX_LINE_LENGTH):
            number += 1
            whole = line.endswith("\n") or len(line) < MAX_LINE_LENGTH
            while line and not line.endswith("\n") and not whole:
                line = lines.readline(MAX_LINE_LENGTH)
            text = line.removeprefix("\ufeff")
            if not whole or any("\udc80" <= letter <= "\udcff" for letter in text if letter > "\ud7ff"):
                yield number, None
            elif text.strip():
                row = next(csv.reader((text,)), [])
                if number > 1 or [field.strip() for field in row] != list(HEADER):
                    yield number, row
    finally:
        lines.detach()
