"""What a bucket has of its own: credentials, and a server that does not answer."""

import dataclasses
import socket

import pytest

from kernel.errors import BadSettings
from kernel.settings.store_address import StoreAddress
from kernel.store_faults import StoreFault
from origin.stores.bucket import open_bucket
from origin.stores.object_store import StoreFailed
from system.s3_access import S3Access

FILE = """
[default]
aws_access_key_id = AK
aws_secret_access_key = secret
"""


def test_a_file_that_others_may_read_is_refused(tmp_path):
    file = tmp_path / "credentials"
    file.write_text(FILE)
    file.chmod(0o644)
    with pytest.raises(BadSettings, match="chmod 600"):
        open_bucket(StoreAddress(None, "vod"), file, {})
    with pytest.raises(BadSettings, match="cannot be read"):
        open_bucket(StoreAddress(None, "vod"), tmp_path / "none", {})


async def test_credentials_from_a_file(tmp_path, s3_server):
    file = tmp_path / "credentials"
    file.touch(mode=0o600)
    file.write_text(
        "[vod]\naws_access_key_id = tests\naws_secret_access_key = a secret of the tests\n"
        f"endpoint_url = {s3_server.url}\n"
    )
    store = open_bucket(StoreAddress(None, "vod", "from/file"), file, {})
    await store.put("x", b"1")
    assert [one.key async for one in store.list("")] == ["x"]
    assert store.name == "s3://vod/from/file"


async def test_wrong_credentials_are_denied_not_missing(s3_server):
    store = open_bucket(StoreAddress(None, "vod"), None, s3_server.environment | {"AWS_SECRET_ACCESS_KEY": "wrong"})
    for asked in (store.get("x"), store.put("x", b"1"), store.read("x", 0, 1), store.check()):
        with pytest.raises(StoreFailed) as failed:
            await asked
        assert failed.value.fault is StoreFault.DENIED


async def test_a_bucket_that_does_not_exist_is_unavailable_not_empty(s3_server):
    store = open_bucket(StoreAddress(None, "never-made"), None, s3_server.environment)
    for asked in (store.get("x"), store.info("x"), store.read("x", 0, 1), store.check()):
        with pytest.raises(StoreFailed, match="bucket does not exist") as failed:
            await asked
        assert failed.value.fault is StoreFault.UNAVAILABLE


async def test_a_server_that_is_down_is_unavailable(monkeypatch):
    monkeypatch.setattr("system.s3_access.RETRIES", 0)
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        access = dataclasses.replace(S3Access("a", "b"), endpoint_url=f"http://127.0.0.1:{unused.getsockname()[1]}")
    environment = {name.upper(): value for name, value in dataclasses.asdict(access).items() if value}
    environment["AWS_ENDPOINT_URL"] = environment.pop("ENDPOINT_URL")
    store = open_bucket(StoreAddress(None, "vod"), None, environment)
    for asked in (store.get("x"), store.info("x"), store.put("x", b""), store.read("x", 0, 1)):
        with pytest.raises(StoreFailed) as failed:
            await asked
        assert failed.value.fault is StoreFault.UNAVAILABLE
