"""`matinee catalogue import FILE`: import titles from JSON lines or a JSON list, plain or gzipped, all or none."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec

from kernel.errors import MatineeError
from kernel.settings.table import SWITCH, setting
from services.catalogue.artwork_files import NoPicture, store_pictures
from services.catalogue.store import CatalogueStore, ImportTransaction
from services.catalogue.title_line import ImportedTitle, LineError, parse_line
from services.import_file import BadLines, ImportFile, open_import_file
from services.storage.location import data_setting, database_setting, locate_database, password_file_setting
from system.clock import SystemClock

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
    skip_invalid: bool = setting(SWITCH, "off", "Import the valid lines of a file that has invalid ones.")


SETTINGS = ImportSettings


class _InvalidLines(Exception):
    """Leaves the transaction, so that nothing of the file is imported."""


def run(settings: ImportSettings, file: str) -> int:
    """Import FILE. Returns 1 if any line was invalid: then nothing is imported, unless `skip_invalid` is on."""
    return asyncio.run(_import(settings, file))


async def _import(settings: ImportSettings, file: str) -> int:
    with open_import_file(file) as source:
        store = CatalogueStore(locate_database(settings, "catalogue"))
        await store.open()
        faults = BadLines(source)
        importer = _Importer(source, settings.data)
        try:
            async with store.importing(SystemClock().wall()) as transaction:
                await importer.import_lines(transaction, faults)
                if faults.count and not settings.skip_invalid:
                    raise _InvalidLines
        except _InvalidLines:
            source.print_line(
                f"{faults.count} invalid lines, so nothing was imported: mend them, or use --skip-invalid"
            )
            return 1
        finally:
            await store.close()
    print(importer.summary(transaction.changed))
    if faults.count:
        source.print_line(f"skipped {faults.count} invalid lines")
    return 1 if faults.count else 0


class _Importer:
    """Reads a file into batches, and counts its titles."""

    def __init__(self, source: ImportFile, data: Path) -> None:
        self._source = source
        self._data = data
        self._content_ids: set[str] = set()
        self._read = 0

    async def import_lines(self, transaction: ImportTransaction, faults: BadLines) -> None:
        """Write the valid lines within the transaction, and report the others."""
        batch: list[ImportedTitle] = []
        for number, item in _items(self._source):
            found = item if isinstance(item, LineError) else self._parse(item)
            if isinstance(found, LineError):
                faults.report(number, found)
                continue
            self._read += 1
            self._content_ids.add(found.title.content_id)
            batch.append(found)
            if len(batch) == BATCH:
                await transaction.write(batch)
                batch = []
                self._source.show_progress(f"{self._read} titles")
        if batch:
            await transaction.write(batch)
        self._source.show_progress(f"{self._read} titles")

    def _parse(self, item: bytes | msgspec.Raw) -> ImportedTitle | LineError:
        """The title of a line; its pictures that are files are stored. Those of a file that fails later stay unused."""
        if b'"file"' not in bytes(item):
            return parse_line(item)
        try:
            line = msgspec.json.decode(item)
            if isinstance(line, dict):
                store_pictures(line, Path(self._source.name).parent, self._data)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return parse_line(item)
        except NoPicture as error:
            return LineError("artwork", str(error))
        return parse_line(msgspec.json.encode(line))

    def summary(self, changed: int) -> str:
        """The result in one line."""
        repeated = self._read - len(self._content_ids)
        note = f"; {repeated} lines repeat a title of the file (same contentId, or same title and year)"
        return f"{self._read} titles read, {changed} new or changed{note if repeated else ''}"


def _items(source: ImportFile) -> Iterator[tuple[int, bytes | msgspec.Raw | LineError]]:
    """Yield (number from 1, JSON object) from JSON lines or a JSON list."""
    number, line = 0, source.stream.readline(MAX_LINE_LENGTH).removeprefix(BOM)
    while line and not line.strip():
        number, line = number + 1, source.stream.readline(MAX_LINE_LENGTH)
    if line.lstrip().startswith(b"["):
        yield from _listed(line, source)
        return
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
