"""`matinee catalogue import FILE`: import titles from JSON lines or a JSON list, plain or gzipped."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec

from kernel.errors import MatineeError
from services.catalogue.store import CatalogueStore
from services.catalogue.title import ImportedTitle, LineError, parse_line
from services.import_file import BadLines, ImportFile, open_import_file
from services.storage.location import data_setting, database_setting, locate_database, password_file_setting

BATCH = 2000
MAX_LINE_LENGTH = 1 << 20
MAX_LIST_BYTES = 1 << 30
BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True)
class ImportSettings:
    """`matinee catalogue import FILE`."""

    data: Path = data_setting()
    database: str | None = database_setting()
    database_password_file: Path | None = password_file_setting()


SETTINGS = ImportSettings


def run(settings: ImportSettings, file: str) -> int:
    """Import FILE. Returns 1 if any line was invalid; the valid ones are imported all the same."""
    return asyncio.run(_import(settings, file))


async def _import(settings: ImportSettings, file: str) -> int:
    with open_import_file(file) as source:
        store = CatalogueStore(locate_database(settings, "catalogue"))
        await store.open()
        faults = BadLines(source)
        importer = _Importer(store, source)
        try:
            for number, item in _items(source):
                found = item if isinstance(item, LineError) else parse_line(item)
                if isinstance(found, LineError):
                    faults.report(number, found)
                else:
                    await importer.add(found)
        finally:  # Keep what was read before a damaged or truncated file broke off.
            await importer.flush()
            await store.close()
    print(importer.summary())
    if faults.count:
        source.print_line(f"skipped {faults.count} invalid lines")
    return 1 if faults.count else 0


class _Importer:
    """Writes titles in batches, and counts them."""

    def __init__(self, store: CatalogueStore, source: ImportFile) -> None:
        self._store = store
        self._source = source
        self._batch: list[ImportedTitle] = []
        self._content_ids: set[str] = set()
        self.read = 0
        self.changed = 0

    async def add(self, record: ImportedTitle) -> None:
        """Import a title, together with others of its batch."""
        self.read += 1
        self._content_ids.add(record.title.content_id)
        self._batch.append(record)
        if len(self._batch) >= BATCH:
            await self.flush()

    async def flush(self) -> None:
        """Write the pending batch."""
        if self._batch:
            self.changed += await self._store.import_titles(self._batch)
            self._batch = []
        self._source.show_progress(f"{self.read} titles")

    def summary(self) -> str:
        """The result in one line."""
        repeated = self.read - len(self._content_ids)
        note = f"; {repeated} lines repeat a title of the file (same contentId, or same title and year)"
        return f"{self.read} titles read, {self.changed} new or changed{note if repeated else ''}"


def _items(source: ImportFile) -> Iterator[tuple[int, bytes | msgspec.Raw | LineError]]:
    """Yield (number from 1, JSON object) from JSON lines or a JSON list."""
    first = source.stream.readline(MAX_LINE_LENGTH).removeprefix(BOM)
    if first.lstrip().startswith(b"["):
        yield from _listed(first, source)
        return
    number, line = 0, first
    while line:
        number += 1
        if len(line) >= MAX_LINE_LENGTH and not line.endswith(b"\n"):
            while line and not line.endswith(b"\n"):
                line = source.stream.readline(MAX_LINE_LENGTH)
            yield number, LineError("", f"is longer than {MAX_LINE_LENGTH} bytes")
        elif line.strip():
            yield number, line
        line = source.stream.readline(MAX_LINE_LENGTH)


def _listed(first: bytes, source: ImportFile) -> Iterator[tuple[int, msgspec.Raw]]:
    body = first + source.stream.read(MAX_LIST_BYTES)
    if len(body) > MAX_LIST_BYTES:
        raise MatineeError(f"{source.name}: the JSON list is larger than {MAX_LIST_BYTES >> 20} MiB: use JSON lines")
    try:
        items = msgspec.json.decode(body, type=list[msgspec.Raw])
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise MatineeError(f"{source.name}: not a valid JSON list: {error}") from None
    yield from enumerate(items, 1)
