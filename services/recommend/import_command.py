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
        batch: list[FeedbackEvent] = []
        stored = 0
        try:
            for line, row in _rows(source):
                found = (
                    parse_row(row) if row is not None else ("", f"is longer than {MAX_LINE_LENGTH} bytes, or not UTF-8")
                )
                if isinstance(found, FeedbackEvent):
                    batch.append(found)
                else:
                    field, why = found
                    faults.report(line, f"field `{field}`: {why}" if field else why)
                if len(batch) >= BATCH:
                    await store.add_events(batch)
                    stored, batch = stored + len(batch), []
                    source.show_progress(f"{stored} events")
        finally:  # Keep what was read before a damaged or truncated file broke off.
            if batch:
                await store.add_events(batch)
                stored += len(batch)
            await store.close()
    print(f"{stored} events stored")
    if faults.count:
        source.print_line(f"skipped {faults.count} invalid lines")
    return 1 if faults.count else 0


def _rows(source: ImportFile) -> Iterator[tuple[int, list[str] | None]]:
    """Yield (line number from 1, fields) of each line except the header and empty ones; None for an unreadable one."""
    number = 0
    while line := source.stream.readline(MAX_LINE_LENGTH):
        number += 1
        whole = line.endswith(b"\n") or len(line) < MAX_LINE_LENGTH
        while line and not line.endswith(b"\n") and not whole:
            line = source.stream.readline(MAX_LINE_LENGTH)
        text = _text(line.removeprefix(b"\xef\xbb\xbf")) if whole else None
        if text is None:
            yield number, None
        elif text.strip():
            row = next(csv.reader(io.StringIO(text, newline="")), [])
            if number > 1 or [field.strip() for field in row] != list(HEADER):
                yield number, row


def _text(line: bytes) -> str | None:
    try:
        return line.decode()
    except UnicodeDecodeError:
        return None
