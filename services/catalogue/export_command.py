"""`matinee catalogue export FILE`: write all titles as JSON lines that `matinee catalogue import` reads."""

from __future__ import annotations

import asyncio
import gzip
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import msgspec

from kernel.errors import BadSettings, MatineeError
from services.catalogue.store import CatalogueStore
from services.catalogue.title_line import export_line
from services.storage.location import data_setting, database_setting, locate_database, password_file_setting


@dataclass(frozen=True)
class ExportSettings:
    """`matinee catalogue export FILE`."""

    data: Path = data_setting()
    database: str | None = database_setting()
    database_password_file: Path | None = password_file_setting()


SETTINGS = ExportSettings


def run(settings: ExportSettings, file: str) -> int:
    """Write all titles to FILE: gzipped if its name ends in .gz, to the standard output if it is `-`."""
    count = asyncio.run(_export(settings, file))
    print(f"{count} titles written", file=sys.stderr)
    return 0


async def _export(settings: ExportSettings, file: str) -> int:
    address = locate_database(settings, "catalogue")
    if address.path is not None and not address.path.exists():
        raise BadSettings("data", f"there is no catalogue in {settings.data}")
    store = CatalogueStore(address)
    await store.open()
    count = 0
    try:
        with _output(file) as stream:
            async for title in store.export_titles():
                stream.write(msgspec.json.encode(export_line(title)) + b"\n")
                count += 1
    finally:
        await store.close()
    return count


@contextmanager
def _output(file: str) -> Iterator[BinaryIO | gzip.GzipFile]:
    if file == "-":
        yield sys.stdout.buffer
        return
    path = Path(file)
    # Beside the file and then over it: an export that breaks off leaves the previous one whole.
    part = path.with_name(f"{path.name}.part")
    try:
        with part.open("wb") as raw:
            if path.suffix == ".gz":
                with gzip.GzipFile(fileobj=raw, mode="wb", filename="") as packed:
                    yield packed
            else:
                yield raw
        part.replace(path)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise MatineeError(f"{file}: cannot be written: {error.strerror}") from None
