"""Replicas tell one another what they know, and who does what only one is to do."""

from __future__ import annotations

import pytest

from control.db import replica_notes as shared_module
from control.db.database import open_database
from control.db.replica_notes import ReplicaNote, leases, publish_note, read_notes, take_lease
from control.db.store import Store
from system.database.engine import DatabaseAddress
from tests.postgresql import address_of

NOW = 1_800_000_000.0


async def test_a_replica_hears_the_others_last_word_while_it_is_young(postgresql_url: str) -> None:
    one, two = [await Store.open(open_database(address_of(postgresql_url)), name) for name in ("one", "two")]
    await publish_note(one, "popularity", b"old", NOW - 5)
    await publish_note(one, "popularity", b"new", NOW)
    await publish_note(one, "probes", b"other", NOW)
    await publish_note(two, "popularity", b"mine", NOW)
    assert await read_notes(two, "popularity", NOW + 1) == (ReplicaNote("one", NOW, b"new"),)
    assert await read_notes(two, "popularity", NOW + 60) == ()
    for store in (one, two):
        await store.dispose()


async def test_one_replica_has_the_lease_until_it_does_not_ask_again(postgresql_url: str) -> None:
    one, two = [await Store.open(open_database(address_of(postgresql_url)), name) for name in ("one", "two")]
    assert await take_lease(one, "rollout", 10, NOW)
    assert not await take_lease(two, "rollout", 10, NOW + 5)
    assert await take_lease(two, "another", 10, NOW + 5)
    assert await take_lease(one, "rollout", 10, NOW + 9)
    assert not await take_lease(two, "rollout", 10, NOW + 15)
    assert await take_lease(two, "rollout", 10, NOW + 20)
    assert not await take_lease(one, "rollout", 10, NOW + 21)
    assert [(row["name"], row["holder"]) for row in await leases(one)] == [("another", "two"), ("rollout", "two")]
    for store in (one, two):
        await store.dispose()


async def test_over_a_file_there_is_one_replica(tmp_path, monkeypatch) -> None:
    store = await Store.open(open_database(DatabaseAddress(tmp_path / "c.sqlite3")), "one")
    assert await take_lease(store, "rollout", 10, NOW)
    await publish_note(store, "probes", b"mine", NOW)
    assert await read_notes(store, "probes", NOW) == ()
    monkeypatch.setattr(shared_module, "MAX_BYTES", 3)
    with pytest.raises(ValueError, match="probes"):
        await publish_note(store, "probes", b"long", NOW)
    await store.dispose()
