"""The progress output of an ingest on stderr: bars on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol, TextIO

if TYPE_CHECKING:
    import rich.progress


class Progress(Protocol):
    """Receives the progress of the pipeline."""

    def start_step(self, step: str, total: float) -> None:
        """A step starts; `total` in the unit of `advance` (seconds of film, bytes, files; 0: unknown)."""

    def advance(self, done: float) -> None:
        """The step has reached `done` of its total."""

    def finish_step(self, note: str) -> None:
        """The step ended; `note` is its result in a few words."""


class Silent:
    """Shows nothing."""

    def start_step(self, step: str, total: float) -> None:
        """Show nothing."""

    def advance(self, done: float) -> None:
        """Show nothing."""

    def finish_step(self, note: str) -> None:
        """Show nothing."""


class Lines:
    """A line when a step starts, one every ten per cent, one when it ends."""

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._step, self._total, self._shown = "", 0.0, 0

    def start_step(self, step: str, total: float) -> None:
        """Write the name of the step."""
        self._step, self._total, self._shown = step, total, 0
        self._write(f"{step} …")

    def advance(self, done: float) -> None:
        """Write a line for each ten per cent."""
        tenth = int(10 * done / self._total) if self._total else 0
        if self._shown < tenth < 10:
            self._shown = tenth
            self._write(f"{self._step} {tenth * 10} %")

    def finish_step(self, note: str) -> None:
        """Write the result."""
        self._write(f"{self._step} done: {note}")

    def _write(self, text: str) -> None:
        self._out.write(text + "\n")
        self._out.flush()


@contextmanager
def show_progress(out: TextIO | None = None) -> Iterator[Progress]:
    """The progress output that suits `out` (stderr by default)."""
    out = out or sys.stderr
    if not out.isatty():
        yield Lines(out)
        return
    from rich import progress as bar  # loaded only on a terminal
    from rich.console import Console

    columns = (
        bar.SpinnerColumn(finished_text="[green]✓"),
        bar.TextColumn("{task.description:<8}"),
        bar.BarColumn(),
        bar.TaskProgressColumn(),
        bar.TimeRemainingColumn(elapsed_when_finished=True),
        bar.TextColumn("[dim]{task.fields[note]}"),
    )
    with bar.Progress(*columns, console=Console(file=out)) as bars:
        yield _Bars(bars)


class _Bars:
    """A bar for each step."""

    def __init__(self, bars: rich.progress.Progress) -> None:
        self._bars = bars
        self._task: rich.progress.TaskID | None = None

    def start_step(self, step: str, total: float) -> None:
        self._task = self._bars.add_task(step, total=total or None, note="")

    def advance(self, done: float) -> None:
        if self._task is not None:
            self._bars.update(self._task, completed=done)

    def finish_step(self, note: str) -> None:
        if self._task is not None:
            total = self._bars.tasks[-1].total or 1.0
            self._bars.update(self._task, total=total, completed=total, note=note)
