"""What an ingest shows while it works: bars on a terminal, plain lines elsewhere. Always on stderr."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol, TextIO

if TYPE_CHECKING:
    import rich.progress


class Progress(Protocol):
    """Told by the pipeline where it is."""

    def start(self, step: str, total: float) -> None:
        """A step begins; `total` in whatever `at` will count (seconds of film, bytes, files; 0 = not known)."""

    def at(self, done: float) -> None:
        """So much of the step is done."""

    def done(self, note: str) -> None:
        """The step is over; `note` says in few words what came of it."""


class Silent:
    """Shows nothing."""

    def start(self, step: str, total: float) -> None:
        """Nothing."""

    def at(self, done: float) -> None:
        """Nothing."""

    def done(self, note: str) -> None:
        """Nothing."""


class Lines:
    """A line when a step begins, one every ten per cent, one when it ends."""

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._step, self._total, self._shown = "", 0.0, 0

    def start(self, step: str, total: float) -> None:
        """Say what begins."""
        self._step, self._total, self._shown = step, total, 0
        self._say(f"{step} …")

    def at(self, done: float) -> None:
        """Say every tenth."""
        tenth = int(10 * done / self._total) if self._total else 0
        if self._shown < tenth < 10:
            self._shown = tenth
            self._say(f"{self._step} {tenth * 10} %")

    def done(self, note: str) -> None:
        """Say what came of it."""
        self._say(f"{self._step} done: {note}")

    def _say(self, text: str) -> None:
        self._out.write(text + "\n")
        self._out.flush()


@contextmanager
def shown(out: TextIO | None = None) -> Iterator[Progress]:
    """The progress fit for where stderr goes."""
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
    """One bar a step, by rich."""

    def __init__(self, bars: rich.progress.Progress) -> None:
        self._bars = bars
        self._task: rich.progress.TaskID | None = None

    def start(self, step: str, total: float) -> None:
        self._task = self._bars.add_task(step, total=total or None, note="")

    def at(self, done: float) -> None:
        if self._task is not None:
            self._bars.update(self._task, completed=done)

    def done(self, note: str) -> None:
        if self._task is not None:
            total = self._bars.tasks[-1].total or 1.0
            self._bars.update(self._task, total=total, completed=total, note=note)
