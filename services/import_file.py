"""Files of an import: read with a progress bar by the bytes of the file, packed or plain."""

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
"""Bad lines shown one by one; the others are counted."""


@dataclass
class ImportFile:
    """An opened import file: `stream` gives its unpacked bytes; `show_progress` moves the bar to where reading is."""

    stream: BinaryIO
    name: str
    _raw: BinaryIO
    _progress: Progress

    def show_progress(self, note: str) -> None:
        """Show how far the file is read, with a note (such as the titles so far)."""
        self._progress.update(self._progress.task_ids[0], completed=self._raw.tell(), note=note)

    def print_line(self, text: str) -> None:
        """Print a line above the bar, on stderr."""
        self._progress.console.print(text, markup=False, highlight=False, soft_wrap=True)


@contextmanager
def open_import_file(name: str) -> Iterator[ImportFile]:
    """Open FILE, unpacking gzip whatever its name is. Raises MatineeError when it cannot be read."""
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
                raise MatineeError(f"{name}: ends early or is damaged: {error}") from error


@dataclass
class BadLines:
    """Counts bad lines, and shows the first of them."""

    source: ImportFile
    count: int = 0

    def report(self, line: int, why: object) -> None:
        """Line `line` (counted from 1) is left out, and why."""
        self.count += 1
        if self.count <= MAX_REPORTED:
            self.source.print_line(f"{self.source.name}: line {line}: {why}")
        elif self.count == MAX_REPORTED + 1:
            self.source.print_line("further bad lines are only counted")
