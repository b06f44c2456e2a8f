"""`matinee ingest FILE`: encode and publish a film; the contentId is the last line of stdout."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path

import msgspec

from kernel.errors import BadSettings
from kernel.media.content_keys import EncryptionScheme
from kernel.settings.store_address import StoreAddress
from kernel.settings.table import INTEGER, PATH, PATH_OR_OFF, TEXT, URL, choice, setting
from origin.encode.profile import PRESETS, PROFILES
from origin.ingest import metadata, subprocesses
from origin.ingest.ingest_request import IngestRequest
from origin.ingest.limit_settings import film_limits, limit_setting
from origin.ingest.pipeline import IngestContext, ingest
from origin.ingest.progress import Progress, show_progress
from origin.ingest.timings import Timings
from origin.ingest.work_dir import WorkDir
from origin.package.encryption import KeySource
from origin.package.key_client import open_key_server
from origin.storage.blocking_library import BlockingLibrary
from origin.stores.open_store import open_store, store_setting
from system.clock import SystemClock


@dataclass(frozen=True)
class IngestSettings:
    """The settings of an ingest."""

    store: StoreAddress = store_setting("store")
    store_credentials: Path | None = store_setting("store_credentials")
    replica_store: StoreAddress | None = store_setting("replica_store")
    cold_store: StoreAddress | None = store_setting("cold_store")
    store_keys: str | None = store_setting("store_keys")
    work_dir: Path | None = setting(
        PATH,
        None,
        "Folder for temporary files; not set: next to the store, its name with `-work`; .matinee/work for a bucket.",
    )
    title: str | None = setting(TEXT, None, "The title's name; not set: from the metadata, else from the file's name.")
    metadata: Path | None = setting(
        PATH, None, "JSON file with title, year, genres, cast, description, countries; other fields are kept."
    )
    content_id: str | None = setting(
        TEXT, None, "The contentId; an id that exists gets a new publication. Not set: made from title and content."
    )
    preset: str = setting(choice(*PRESETS), "veryfast", "x264's preset: slower makes smaller files.")
    rungs: int = setting(
        INTEGER, "5", "Number of renditions of the ladder; the lowest and highest are kept longest.", least=1, most=7
    )
    profiles: tuple[str, ...] = setting(
        choice(*PROFILES), "default", "Encoding profiles; several are merged (docs/ingest.md).", many=True
    )
    steering: str | None = setting(
        URL, None, "Gateway for content steering, which tells players the edge to use; not set: none."
    )
    encrypt: str = setting(
        choice("none", *EncryptionScheme),
        "none",
        "Encrypt the title by cbcs (all current devices) or cenc (old PlayReady and Widevine devices), or not.",
    )
    key_server: str = setting(
        URL, "http://127.0.0.1:8080", "The services, whose key server makes the keys of an encrypted title."
    )
    key_server_key_file: Path = setting(
        PATH, ".matinee/services/api.key", "File with the services' API key; absent: none is sent."
    )
    ingest_max_length: float = limit_setting("ingest_max_length")
    ingest_max_frames: int = limit_setting("ingest_max_frames")
    ingest_max_streams: int = limit_setting("ingest_max_streams")
    ingest_max_pixels: int = limit_setting("ingest_max_pixels")
    ingest_max_output: int = limit_setting("ingest_max_output")
    timings: Path | None = setting(PATH_OR_OFF, "off", "JSON file for the wall and CPU time of each step.")
    ffmpeg: str | None = setting(TEXT, None, "The ffmpeg to run; not set: the packaged one, otherwise that on PATH.")
    ffprobe: str | None = setting(TEXT, None, "The ffprobe to run; not set: the packaged one, otherwise that on PATH.")
    packager: str | None = setting(
        TEXT, None, "The Shaka packager to run; not set: the packaged one, otherwise that on PATH."
    )


SETTINGS = IngestSettings


def run(settings: IngestSettings, file: str) -> int:
    """Run the ingest and print the contentId; returns the exit code."""
    known = metadata.read_metadata(settings.metadata) if settings.metadata else None
    request = IngestRequest(
        film=Path(file),
        title=settings.title,
        metadata=known,
        content_id=settings.content_id,
        preset=settings.preset,
        profiles=settings.profiles,
        rungs=settings.rungs,
        steering=settings.steering or "",
        encryption=None if settings.encrypt == "none" else EncryptionScheme(settings.encrypt),
    )
    with show_progress() as progress:
        timings = Timings(SystemClock.mono)
        try:
            done = ingest(request, _make_context(settings, progress, timings))
        except KeyboardInterrupt:
            print("matinee ingest: stopped; nothing was published", file=sys.stderr)
            return 130
        if not done.new:
            progress.start_step("publish", 0)
            progress.finish_step(
                f"the same film is already published as version {done.title.version}; nothing was encoded"
            )
    if settings.timings:
        _write(settings.timings, timings)
    print(done.title.content_id, flush=True)
    return 0


def _make_context(settings: IngestSettings, progress: Progress, timings: Timings) -> IngestContext:
    return IngestContext(
        library=BlockingLibrary(open_store(settings, os.environ)),
        work_dir=WorkDir(settings.work_dir or default_work_dir(settings.store)),
        programs=subprocesses.find_programs(
            settings.ffmpeg or os.environ.get("FFMPEG"),
            settings.ffprobe or os.environ.get("FFPROBE"),
            settings.packager or os.environ.get("PACKAGER"),
        ),
        progress=progress,
        timings=timings,
        keys=_key_source(settings),
        limits=film_limits(settings),
    )


def _key_source(settings: IngestSettings) -> KeySource | None:
    if settings.encrypt == "none":
        return None
    return open_key_server(settings.key_server, settings.key_server_key_file)


def default_work_dir(store: StoreAddress) -> Path:
    """The default work folder of a store: of a folder on the same disk, outside the served folder."""
    if store.folder is None:
        return Path(".matinee/work").absolute()
    return store.folder.absolute().with_name(store.folder.absolute().name + "-work")


def _write(path: Path, timings: Timings) -> None:
    try:
        path.write_bytes(msgspec.json.format(msgspec.json.encode(timings.report()), indent=2) + b"\n")
    except OSError as error:
        raise BadSettings("timings", f"{path} cannot be written: {error.strerror}") from None
