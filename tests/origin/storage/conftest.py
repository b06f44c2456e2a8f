"""Each test with `store` runs on a folder and on a bucket of a real S3 server."""

from itertools import count
from pathlib import Path

import msgspec
import pytest

from origin.ingest.ingest_request import IngestRequest, new_record
from origin.storage.bucket import open_bucket
from origin.storage.folder import open_folder
from origin.storage.publishing import Publisher
from origin.storage.store_address import StoreAddress

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
