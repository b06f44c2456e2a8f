"""`matinee ingest FILE`: a film in, a published title out; its contentId is the last line of stdout."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path

import msgspec

from kernel.errors import BadSettings
from kernel.settings.table import INTEGER, PATH, PATH_OR_OFF, TEXT, URL, choice, setting
from origin import clock
from origin.encode.encoder import PRESETS
from origin.ingest import metadata, subprocesses
from origin.ingest.ingest_request import IngestRequest
from origin.ingest.pipeline import IngestContext, ingest
from origin.ingest.progress import Progress, shown
from origin.ingest.timings import Timings
from origin.ingest.work_dir import WorkDir
from origin.storage.library import Library
from origin.storage.object_store import FolderStorage


@dataclass(frozen=True)
class IngestSettings:
    """How a film is taken in."""

    store: Path = setting(PATH, ".matinee/store", "Folder of the object store that the origin serves from.")
    work_dir: Path | None = setting(PATH, None, "Folder to work in; not set: next to the store, its name with `-work`.")
    title: str | None = setting(TEXT, None, "The title's name; not set: from the metadata, else from the file's name.")
    metadata: Path | None = setting(
        PATH, None, "JSON file with title, year, genres, cast, description, countries; other fields are kept."
    )
    content_id: str | None = setting(
        TEXT, None, "The contentId; an id that exists gets a new publication. Not set: made from title and content."
    )
    preset: str = setting(choice(*PRESETS), "veryfast", "x264's preset: slower makes smaller files.")
    rungs: int = setting(
        INTEGER, "5", "Most renditions of the ladder; the lowest and highest stay longest.", least=1, most=5
    )
    steering: str | None = setting(
        URL, None, "The gateway that players ask which edge to use (content steering); not set: top files name none."
    )
    timings: Path | None = setting(PATH_OR_OFF, "off", "JSON file for the cost of each step.")
    ffmpeg: str | None = setting(TEXT, None, "The ffmpeg to run; not set: the packaged one, otherwise that on PATH.")
    ffprobe: str | None = setting(TEXT, None, "The ffprobe to run; not set: the packaged one, otherwise that on PATH.")
    packager: str | None = setting(
        TEXT, None, "The Shaka packager to run; not set: the packaged one, otherwise that on PATH."
    )


SETTINGS = IngestSettings


def run(settings: IngestSettings, file: str) -> int:
    """Ingest; prints the contentId."""
    known = metadata.read(settings.metadata) if settings.metadata else None
    order = IngestRequest(
        film=Path(file),
        title=settings.title,
        metadata=known,
        content_id=settings.content_id,
        preset=settings.preset,
        rungs=settings.rungs,
        steering=settings.steering or "",
    )
    with shown() as progress:
        timings = Timings(clock.mono)
        try:
            done = ingest(order, _kitchen(settings, progress, timings))
        except KeyboardInterrupt:
            print("matinee ingest: stopped; nothing was published", file=sys.stderr)
            return 130
        if not done.new:
            progress.start("publish", 0)
            progress.done(f"the same film is published already as version {done.title.version}; nothing was encoded")
    if settings.timings:
        _write(settings.timings, timings)
    print(done.title.content_id, flush=True)
    return 0


def _kitchen(settings: IngestSettings, progress: Progress, timings: Timings) -> IngestContext:
    return IngestContext(
        library=Library(FolderStorage(settings.store)),
        workplace=WorkDir(settings.work_dir or beside(settings.store)),
        programs=subprocesses.find(
            settings.ffmpeg or os.environ.get("FFMPEG"),
            settings.ffprobe or os.environ.get("FFPROBE"),
            settings.packager or os.environ.get("PACKAGER"),
        ),
        progress=progress,
        timings=timings,
    )


def beside(store: Path) -> Path:
    """The work folder of a store: on the same disk, and not below what is served."""
    return store.absolute().with_name(store.absolute().name + "-work")


def _write(path: Path, timings: Timings) -> None:
    try:
        path.write_bytes(msgspec.json.format(msgspec.json.encode(timings.report()), indent=2) + b"\n")
    except OSError as error:
        raise BadSettings("timings", f"{path} cannot be written: {error.strerror}") from None
