"""Read import files, plain or gzipped, with a progress bar, and report their invalid lines."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from kernel.errors import MatineeError

MAX_REPORTED = 50
"""Invalid lines reported one by one; further ones are only counted."""


@dataclass
class ImportFile:
    """An open import file; `stream` yields its decompressed bytes."""

    stream: BinaryIO
    name: str
    _raw: BinaryIO
    _progress: Progress

    def show_progress(self, note: str) -> None:
        """Move the progress bar to the current position, with a note such as the number of titles."""
        self._progress.update(self._progress.task_ids[0], completed=self._raw.tell(), note=note)

    def print_line(self, text: str) -> None:
        """Print a line above the bar, on stderr."""
        self._progress.console.print(text, markup=False, highlight=False, soft_wrap=True)


@contextmanager
def open_import_file(name: str) -> Iterator[ImportFile]:
    """Open a file and detect gzip by its content. Raises MatineeError if it cannot be read."""
    path = Path(name)
    try:
        raw = path.open("rb")
        total = path.stat().st_size
    except OSError as error:
        raise MatineeError(f"{name}: cannot be read: {error.strerror}") from None
    with raw:
        packed = raw.peek(2)[:2] == b"\x1f\x8b"
        stream: BinaryIO = gzip.GzipFile(fileobj=raw) if packed else raw  # type: ignore[assignment]
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.fields[note]}"),
            TimeRemainingColumn(),
        )
        with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
            progress.add_task(path.name, total=total, note="")
            try:
                yield ImportFile(stream, name, raw, progress)
            except (EOFError, gzip.BadGzipFile, OSError) as error:
                raise MatineeError(f"{name}: the file is truncated or damaged: {error}") from error


@dataclass
class BadLines:
    """Counts invalid lines, and reports the first of them."""

    source: ImportFile
    count: int = 0

    def report(self, line: int, why: object) -> None:
        """Count line number `line` (from 1) as invalid, and print why."""
        self.count += 1
        if self.count <= MAX_REPORTED:
            self.source.print_line(f"{self.source.name}: line {line}: {why}")
        elif self.count == MAX_REPORTED + 1:
            self.source.print_line("further invalid lines are only counted")
