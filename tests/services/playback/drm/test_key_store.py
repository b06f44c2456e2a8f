"""The store of content keys, on both engines."""

import asyncio
import sqlite3

import pytest

from kernel.errors import BadRequest, StorageFailed
from kernel.media.content_keys import EncryptedContent, KeyLabel
from services.playback.drm.key_store import KeyStore
from system.sealing import SealingKeys

NOW = 1_800_000_000.0
FILM = EncryptedContent("film", 1)
OLD, NEW = {"old": b"o" * 32}, {"new": b"n" * 32}
ASKED = {KeyLabel.SD: "1" * 32, KeyLabel.HD: "2" * 32}


@pytest.fixture
async def open_store(database_address):
    """`await open_store(keys)` → a store over the test's database."""
    opened = []

    async def make(keys=OLD):
        store = KeyStore(database_address, SealingKeys(keys))
        await store.open()
        opened.append(store)
        return store

    yield make
    for store in opened:
        await store.close()


async def test_a_publication_keeps_its_keys(open_store):
    """The same request, even with other key ids and after a restart, gets the keys of the first."""
    first = await (await open_store()).get_or_create(FILM, ASKED, NOW)
    second = await (await open_store()).get_or_create(FILM, {KeyLabel.HD: "8" * 32, KeyLabel.SD: "9" * 32}, NOW + 1)
    assert {key.label: (key.key_id, key.key) for key in second} == {key.label: (key.key_id, key.key) for key in first}
    assert [key.key_id for key in first] == ["1" * 32, "2" * 32]
    assert len({key.key for key in first}) == 2
    assert all(len(key.key) == 16 for key in first)


async def test_publications_and_labels_have_keys_of_their_own(open_store):
    store = await open_store()
    made = await store.get_or_create(FILM, ASKED, NOW)
    made += await store.get_or_create(EncryptedContent("film", 2), {KeyLabel.SD: "3" * 32}, NOW)
    made += await store.get_or_create(EncryptedContent("other", 1), {KeyLabel.SD: "4" * 32}, NOW)
    assert len({key.key for key in made}) == 4


async def test_racing_packagers_get_one_key(open_store):
    """Two processes ask for a new publication at the same instant."""
    stores = [await open_store(), await open_store()]
    answers = await asyncio.gather(
        *(store.get_or_create(FILM, {KeyLabel.SD: f"{number:032x}"}, NOW) for number, store in enumerate(stores * 4, 1))
    )
    assert len({(key.key_id, key.key) for [key] in answers}) == 1


async def test_a_key_id_belongs_to_one_publication(open_store):
    """Otherwise a licence for it would not say which title it opens; nothing of the request is stored."""
    store = await open_store()
    await store.get_or_create(FILM, ASKED, NOW)
    other = EncryptedContent("other")
    with pytest.raises(BadRequest) as refused:
        await store.get_or_create(other, {KeyLabel.AUDIO: "5" * 32, KeyLabel.SD: "1" * 32}, NOW)
    assert (refused.value.status, refused.value.reason) == (409, "key-id-taken")
    assert await store.find("other", ["5" * 32, "1" * 32]) == []


async def test_keys_are_found_for_their_own_title_only(open_store):
    store = await open_store()
    made = await store.get_or_create(FILM, ASKED, NOW)
    assert await store.find("film", ["2" * 32, "f" * 32]) == [made[1]]
    assert await store.find("other", ["2" * 32]) == []


async def test_a_new_master_key_reseals_every_key(open_store):
    """After the rotation the old master key opens nothing that it could open before, and the keys are the same."""
    made = await (await open_store()).get_or_create(FILM, ASKED, NOW)
    rotating = await open_store(NEW | OLD)
    assert await rotating.find("film", ["1" * 32]) == [made[0]], "readable before it is resealed"
    assert await rotating.reseal() == 2
    assert await rotating.reseal() == 0
    only_new = await open_store(NEW)
    assert await only_new.get_or_create(FILM, ASKED, NOW) == made
    with pytest.raises(StorageFailed):
        await (await open_store()).find("film", ["1" * 32])


async def test_the_database_shows_no_key(open_store, database_address):
    """Neither as bytes nor as text, in no file; and a row exchanged for another does not open."""
    if database_address.path is None:
        pytest.skip("looks into the SQLite file")
    store = await open_store()
    made = await store.get_or_create(FILM, ASKED, NOW)
    await store.close()
    stored = b"".join(file.read_bytes() for file in database_address.path.parent.iterdir())
    assert b"sealed1.old." in stored
    assert not [key for key in made if key.key in stored or key.key.hex().encode() in stored]
    with sqlite3.connect(database_address.path) as connection:
        [(hd,)] = connection.execute("SELECT sealed FROM content_keys WHERE label = 'HD'")
        connection.execute("UPDATE content_keys SET sealed = ? WHERE label = 'SD'", (hd,))
    with pytest.raises(StorageFailed, match="another row"):
        await (await open_store()).find("film", ["1" * 32])


async def test_a_database_that_is_away_is_a_storage_failure(database_address):
    store = KeyStore(database_address, SealingKeys(OLD))
    with pytest.raises(StorageFailed):
        await store.find("film", ["1" * 32])
