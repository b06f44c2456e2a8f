"""Small films made by ffmpeg, and one published title that the tests read and never change."""

import io
import subprocess
from pathlib import Path

import msgspec
import pytest

from origin.ingest import subprocesses
from origin.ingest.ingest_request import IngestRequest, new_record
from origin.ingest.pipeline import IngestContext, ingest
from origin.ingest.progress import Lines
from origin.ingest.timings import Timings
from origin.ingest.work_dir import WorkDir
from origin.storage.library import Library
from origin.storage.object_store import FolderStorage
from system.clock import SystemClock


@pytest.fixture(scope="session")
def tools():
    """The programs of this machine."""
    return subprocesses.find_programs()


@pytest.fixture(scope="session")
def films(tmp_path_factory, tools):
    """`films(name, seconds=…, size=…, rate=…, sound=…, more=[…])` → the film's path, made once."""
    folder = tmp_path_factory.mktemp("films")

    def make(name="film.mp4", *, seconds=2.0, size="320x240", rate="12", sound=1, more=()):
        path = folder / name
        if not path.exists():
            arguments = ["-nostdin", "-v", "error", "-f", "lavfi", "-i", f"testsrc2=size={size}:rate={rate}"]
            for _ in range(sound):
                arguments += ["-f", "lavfi", "-i", "sine=frequency=440:sample_rate=48000"]
            for index in range(sound + 1):
                arguments += ["-map", str(index)]
            arguments += [
                "-t",
                str(seconds),
                "-c:v",
                "libx264",
                "-preset",
                "ultrafast",
                "-pix_fmt",
                "yuv420p",
                "-c:a",
                "aac",
            ]
            subprocess.run([tools.ffmpeg, *arguments, *more, f"file:{path}"], check=True)
        return path

    return make


@pytest.fixture
def kitchen_in(tools):
    """`kitchen_in(folder)` → a kitchen whose store is `folder/store`."""

    def make(folder, storage=None):
        storage = storage or FolderStorage(folder / "store")
        timings = Timings(SystemClock.mono)
        return IngestContext(Library(storage), WorkDir(folder / "work"), tools, Lines(io.StringIO()), timings)

    return make


@pytest.fixture(scope="session")
def published(tmp_path_factory, films, tools):
    """A published title of 6 s: (store folder, its record)."""
    folder = tmp_path_factory.mktemp("published")
    kitchen = IngestContext(
        Library(FolderStorage(folder / "store")),
        WorkDir(folder / "work"),
        tools,
        Lines(io.StringIO()),
        Timings(SystemClock.mono),
    )
    film = films("published.mp4", seconds=6, size="640x360")
    order = IngestRequest(film, title="A Film", content_id="film1", preset="ultrafast", rungs=2)
    return folder / "store", ingest(order, kitchen).title


@pytest.fixture
def publish(tmp_path):
    """`publish(library, contentId, number, files, tops)` → the record, of files that are only bytes."""

    def make(library, content_id, number, files, tops):
        tree = tmp_path / f"tree-{content_id}-{number}"
        tree.mkdir()
        for name, content in files.items():
            (tree / name).parent.mkdir(exist_ok=True)
            (tree / name).write_bytes(content)
        title = new_record(IngestRequest(Path("film.mp4"), title="T"), content_id, "hash", None)
        title = msgspec.structs.replace(title, version=number, published="2026-11-22T10:00:00Z")
        library.publish(title, tree, tops, lambda _: None)
        return title

    return make
