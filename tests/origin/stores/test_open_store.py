"""The stores that the settings name."""

import pytest

from kernel.errors import BadSettings
from kernel.settings.table import resolve
from origin.settings import OriginSettings
from origin.stores.encrypted_store import EncryptedStore
from origin.stores.open_store import StoreEvents, locations_of, open_store, open_stores, parse_locations
from system.sealing import make_key_line


def settings(**flags):
    return resolve(OriginSettings, flags={name: [str(value)] for name, value in flags.items()})


async def test_a_folder_alone(tmp_path):
    stores = open_stores(settings(store=tmp_path / "a"), {})
    assert stores.store is stores.hot
    assert (stores.replica, stores.cold, stores.keys, stores.folders) == (None, None, (), (tmp_path / "a",))


def test_a_program_that_is_started_opens_the_same_stores(tmp_path, monkeypatch):
    """Whatever its working folder is; what is not set stays so."""
    monkeypatch.chdir(tmp_path)
    given = locations_of(settings(store="a", replica_store="s3://vod/r", store_keys="env:KEYS"))
    read = parse_locations(given.to_texts())
    assert read == locations_of(settings(store=tmp_path / "a", replica_store="s3://vod/r", store_keys="env:KEYS"))
    assert (read.cold_store, read.store_credentials) == (None, None)


async def test_everything_at_once(tmp_path, s3_server):
    """Encrypted, with a replica in a bucket and a cold folder: whatever one copy loses, another one has."""
    (tmp_path / "keys").touch(mode=0o600)
    (tmp_path / "keys").write_bytes(make_key_line("one"))
    counted = []
    events = StoreEvents(lambda: counted.append("failover"), lambda: counted.append("lag"), counted.append)
    given = settings(
        store=tmp_path / "a", replica_store="s3://vod/replica", cold_store=tmp_path / "c", store_keys=tmp_path / "keys"
    )
    stores = open_stores(given, s3_server.environment, events)
    assert isinstance(stores.hot, EncryptedStore)
    assert len(stores.keys) == 3
    await stores.store.put("media/x/1", b"segment")
    for copy in (stores.hot, stores.replica):
        assert (await copy.get("media/x/1")).data == b"segment"
    await stores.cold.put("media/x/1", b"segment")
    await stores.hot.delete(["media/x/1"])
    assert bytes(await stores.store.read("media/x/1", 0, 3)) == b"seg"
    await stores.cold.delete(["media/x/1"])
    assert bytes(await stores.store.read("media/x/1", 0, 3)) == b"seg"
    assert counted == ["media/x/1", "failover"]
    for file in (tmp_path / "a").rglob("*"):
        assert not file.is_file() or b"segment" not in file.read_bytes()
    assert (await open_store(given, s3_server.environment).get("media/x/1")).data == b"segment"


@pytest.mark.parametrize(
    ("first", "second"),
    [("a", "a"), ("a", "a/b"), ("a/b", "a"), ("s3://vod/x", "s3://vod/x/y"), ("s3://vod", "s3://vod/x")],
)
def test_copies_in_one_place_are_refused(tmp_path, monkeypatch, first, second):
    """Deleting from one would delete from the other."""
    monkeypatch.chdir(tmp_path)
    for name in ("replica_store", "cold_store"):
        with pytest.raises(BadSettings, match="same place") as failed:
            open_store(settings(store=first, **{name: second}), {})
        assert failed.value.setting == name


def test_neighbours_are_no_copies_of_one_another(tmp_path):
    open_store(settings(store=tmp_path / "a", replica_store=tmp_path / "ab"), {})


def test_keys_that_cannot_be_read(tmp_path):
    with pytest.raises(BadSettings, match="store_keys"):
        open_store(settings(store=tmp_path / "a", store_keys=tmp_path / "none"), {})
