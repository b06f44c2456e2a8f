"""Select and ingest the film of `matinee up`: the operator's or the sample film."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kernel.errors import BadSettings, MatineeError
from kernel.vocabulary import is_content_id
from system.durable_files import replace_file

_STOP_SECONDS = 5.0


class IngestFailed(MatineeError):
    """`matinee ingest` failed; its stderr has the reason."""


@dataclass(frozen=True, slots=True)
class SelectedFilm:
    """A film file, its title, and metadata for the catalogue."""

    path: Path
    title: str
    metadata: Mapping[str, Any] = field(default_factory=dict)


def select_film(film: Path | None, folder: Path, say: Callable[[str], None]) -> SelectedFilm:
    """The operator's film; else the sample film, fetched or made in `folder`. Raises BadSettings for a missing file."""
    if film is not None:
        if not film.is_file():
            raise BadSettings("film", f"there is no file {film}")
        return SelectedFilm(film.absolute(), film.stem.replace("_", " "))
    from tools.up.sample_film import sample_film  # imported only if needed

    sample = sample_film(folder, say)
    return SelectedFilm(sample.path.absolute(), sample.title, sample.metadata)


def write_metadata(film: SelectedFilm, folder: Path) -> Path:
    """Write the metadata atomically as the JSON file that `matinee ingest` reads; returns its path."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "metadata.json"
    text = json.dumps(dict(film.metadata), ensure_ascii=False, indent=2) + "\n"
    replace_file(path, text.encode(), mode=0o644)
    return path


def content_id_in(printed: str) -> str | None:
    """The contentId in the output of `matinee ingest`: the last word; None if there is none."""
    words = printed.split()
    return words[-1] if words and is_content_id(words[-1]) else None


async def ingest(argv: Sequence[str]) -> str:
    """Run the ingest command, with its progress on our stderr. Returns the contentId. Raises IngestFailed.

    Cancellation stops the command and its child processes.
    """
    process = _start(argv)
    try:
        printed, _ = await asyncio.to_thread(process.communicate)
    finally:
        await _stop(process)
    content_id = content_id_in(printed.decode(errors="replace"))
    if process.returncode != 0 or content_id is None:
        raise IngestFailed(f"the film was not ingested (exit code {process.returncode})")
    return content_id


def _start(argv: Sequence[str]) -> subprocess.Popen[bytes]:
    """Start the process synchronously: a cancellation during an asynchronous start would leave it running unowned."""
    return subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, start_new_session=True)


async def _stop(process: subprocess.Popen[bytes]) -> None:
    if process.returncode is not None:
        return
    _signal_session(process.pid, signal.SIGTERM)
    with contextlib.suppress(subprocess.TimeoutExpired):
        await asyncio.to_thread(process.wait, _STOP_SECONDS)
    _signal_session(process.pid, signal.SIGKILL)
    await asyncio.to_thread(process.wait)


def _signal_session(leader: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(leader, number)
