"""Masters: stored in parts, resumed after a kill, fetched whole."""

import hashlib

import pytest

from kernel.errors import StorageFailed
from kernel.store_faults import StoreFault
from origin.storage import masters
from origin.storage.masters import Masters, record_key
from origin.stores.object_store import StoreFailed
from tests.doubles.object_store import FaultyStore, WrappedStore

WHEN = "2026-11-30T10:00:00Z"


@pytest.fixture
def film(tmp_path, monkeypatch):
    """(a film of several parts, its SHA-256)."""
    monkeypatch.setattr(masters, "PART_BYTES", 1000)
    path = tmp_path / "film.mkv"
    path.write_bytes(b"".join(bytes([number]) * 300 for number in range(15)))
    return path, hashlib.sha256(path.read_bytes()).hexdigest()


async def test_a_master_comes_back_as_it_was(store, film, tmp_path):
    path, sha256 = film
    counted = []
    record = await Masters(store).keep(path, sha256, "film.mkv", WHEN, counted.append)
    assert (record.sha256, record.size, record.name, len(record.parts)) == (sha256, 4500, "film.mkv", 5)
    assert counted == [1000, 2000, 3000, 4000, 4500]
    assert await Masters(store).find(sha256) == record
    assert await Masters(store).listed() == (sha256,)
    await Masters(store).fetch(record, tmp_path / "again.mkv")
    assert (tmp_path / "again.mkv").read_bytes() == path.read_bytes()
    assert not (tmp_path / "again.mkv.part").exists()
    assert b"".join([bytes(piece) async for piece in Masters(store).read(record)]) == path.read_bytes()
    assert await Masters(store).delete(sha256) == 5
    assert await Masters(store).find(sha256) is None
    assert await Masters(store).last_write(sha256) is None


async def test_a_killed_upload_goes_on_where_it_was(store, film):
    """Each part is sent once; without its record it is no master yet."""
    path, sha256 = film

    class Killed(BaseException):
        pass

    faulty = FaultyStore(store, 3, Killed())
    with pytest.raises(Killed):
        await Masters(faulty).keep(path, sha256, "film.mkv", WHEN)
    assert await Masters(store).find(sha256) is None
    again = WrappedStore(store)
    record = await Masters(again).keep(path, sha256, "film.mkv", WHEN)
    sent = [key for method, key in again.calls if method == "put"]
    assert sent == [record.parts[3].key, record.parts[4].key, record_key(sha256)]
    again.calls.clear()
    assert await Masters(again).keep(path, sha256, "other name", WHEN) == record
    assert [method for method, _ in again.calls] == ["get"]


async def test_a_killed_fetch_goes_on_where_it_was_and_trusts_nothing(store, film, tmp_path):
    path, sha256 = film
    record = await Masters(store).keep(path, sha256, "film.mkv", WHEN)
    content = path.read_bytes()
    for left in (content[:2500], content[:1000] + b"x" * 1000 + content[2000:3000], content + b"more", b""):
        (tmp_path / "to.part").write_bytes(left)
        counted = WrappedStore(store)
        await Masters(counted).fetch(record, tmp_path / "to")
        assert (tmp_path / "to").read_bytes() == content
        if left.startswith(content[:2500]):
            assert ("read", record.parts[0].key) not in counted.calls


async def test_damage_is_named_and_not_fetched(store, film, tmp_path):
    path, sha256 = film
    record = await Masters(store).keep(path, sha256, "film.mkv", WHEN)
    await store.put(record.parts[2].key, b"x" * 1000)
    with pytest.raises(StoreFailed, match="is not what was stored") as failed:
        await Masters(store).fetch(record, tmp_path / "to")
    assert failed.value.fault is StoreFault.DAMAGED
    assert not (tmp_path / "to").exists()


async def test_a_file_that_is_another_one_is_refused(store, film, tmp_path):
    with pytest.raises(StorageFailed, match="is not the file"):
        await Masters(store).keep(film[0], "0" * 64, "film.mkv", WHEN)
    with pytest.raises(StorageFailed, match="cannot be read"):
        await Masters(store).keep(tmp_path / "none", "0" * 64, "film.mkv", WHEN)
    assert await Masters(store).find("0" * 64) is None


async def test_a_master_that_expires_while_it_is_stored_is_an_error(store, film):
    path, sha256 = film

    class Expiring(WrappedStore):
        async def before(self, method, key):
            if method == "put" and key == record_key(sha256):
                await Masters(store).delete(sha256)

    with pytest.raises(StoreFailed, match="vanished"):
        await Masters(Expiring(store)).keep(path, sha256, "film.mkv", WHEN)
    assert await Masters(store).find(sha256) is None
