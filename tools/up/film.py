"""The film that `matinee up` shows: the operator's or the sample one, taken through `matinee ingest`."""

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
    """`matinee ingest` ended with an error; it has said why on stderr."""


@dataclass(frozen=True, slots=True)
class Chosen:
    """A film file with its title; `metadata` goes into the catalogue."""

    path: Path
    title: str
    metadata: Mapping[str, Any] = field(default_factory=dict)


def choose(film: Path | None, folder: Path, say: Callable[[str], None]) -> Chosen:
    """The operator's film, or the sample one fetched or made in `folder`. BadSettings for a file that is not there."""
    if film is not None:
        if not film.is_file():
            raise BadSettings("film", f"there is no file {film}")
        return Chosen(film.absolute(), film.stem.replace("_", " "))
    from tools.up.sample_film import sample_film  # fetches: imported only where it is wanted

    sample = sample_film(folder, say)
    return Chosen(sample.path.absolute(), sample.title, sample.metadata)


def write_metadata(film: Chosen, folder: Path) -> Path:
    """The film's metadata as the JSON file that `matinee ingest` reads; written whole or not at all."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "metadata.json"
    text = json.dumps(dict(film.metadata), ensure_ascii=False, indent=2) + "\n"
    replace_file(path, text.encode(), mode=0o644)
    return path


def content_id_in(printed: str) -> str | None:
    """The contentId that `matinee ingest` printed: the last word of its last line."""
    words = printed.split()
    return words[-1] if words and is_content_id(words[-1]) else None


async def ingest(argv: Sequence[str]) -> str:
    """Run the ingest command to its end, progress on our stderr; the contentId. Raises IngestFailed.

    When cancelled, the command and what it started are stopped.
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
    """At once and not by the loop: whoever cancels us in between would leave it running, known to nobody."""
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
