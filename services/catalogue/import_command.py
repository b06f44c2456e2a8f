"""`matinee catalogue import FILE`: JSON lines (or a JSON list) of titles into the catalogue, packed or plain."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec

from kernel.errors import MatineeError
from kernel.settings.table import PATH, setting
from services.catalogue.store import CatalogueStore
from services.catalogue.title import ImportedTitle, LineError, parse_line
from services.import_file import BadLines, ImportFile, open_import_file

BATCH = 2000
MAX_LINE_LENGTH = 1 << 20
MAX_LIST_BYTES = 1 << 30
BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True)
class ImportSettings:
    """`matinee catalogue import FILE`."""

    data: Path = setting(PATH, ".matinee/services", "The services' data folder.")


SETTINGS = ImportSettings


def run(settings: ImportSettings, file: str) -> int:
    """Import FILE; 1 when a line of it was bad (the good ones are kept)."""
    return asyncio.run(_import(settings, file))


async def _import(settings: ImportSettings, file: str) -> int:
    with open_import_file(file) as source:
        store = CatalogueStore(settings.data)
        await store.open()
        faults = BadLines(source)
        tally = _Tally(store, source)
        try:
            for number, item in _items(source):
                found = item if isinstance(item, LineError) else parse_line(item)
                if isinstance(found, LineError):
                    faults.report(number, found)
                else:
                    await tally.add(found)
        finally:  # a file that ends in the middle keeps what came before
            await tally.flush()
            await store.close()
    print(tally.summary())
    if faults.count:
        source.print_line(f"{faults.count} bad lines were left out")
    return 1 if faults.count else 0


class _Tally:
    """Gathers titles into batches, and counts them."""

    def __init__(self, store: CatalogueStore, source: ImportFile) -> None:
        self._store = store
        self._source = source
        self._batch: list[ImportedTitle] = []
        self._named: set[str] = set()
        self.read = 0
        self.changed = 0

    async def add(self, record: ImportedTitle) -> None:
        """One more title."""
        self.read += 1
        self._named.add(record.title.content_id)
        self._batch.append(record)
        if len(self._batch) >= BATCH:
            await self.flush()

    async def flush(self) -> None:
        """Write what is gathered."""
        if self._batch:
            self.changed += await self._store.import_titles(self._batch)
            self._batch = []
        self._source.show_progress(f"{self.read} titles")

    def summary(self) -> str:
        """What was done, in one line."""
        again = self.read - len(self._named)
        repeated = (
            f"; {again} lines named a title of the file again (the same contentId, or title and year)" if again else ""
        )
        return f"{self.read} titles read, {self.changed} new or changed{repeated}"


def _items(source: ImportFile) -> Iterator[tuple[int, bytes | msgspec.Raw | LineError]]:
    """(number from 1, JSON object) of JSON lines or of a JSON list."""
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
        raise MatineeError(f"{source.name}: a JSON list of more than {MAX_LIST_BYTES >> 20} MiB: use JSON lines")
    try:
        items = msgspec.json.decode(body, type=list[msgspec.Raw])
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise MatineeError(f"{source.name}: not a valid JSON list: {error}") from None
    yield from enumerate(items, 1)
