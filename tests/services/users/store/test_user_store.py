"""Expiry and sealing in the users' database."""

import sqlite3

from services.users.store.user_store import UserStore
from system.database.engine import DatabaseAddress
from system.sealing import SealingKeys
from tests.services.users.store.conftest import LATER, NOW, sign_up


async def test_what_has_expired_is_deleted(store):
    account = await sign_up(store)
    log_in = await store.log_ins.log_in(account.account_id, "", "TV", NOW, LATER)
    await store.log_ins.end_log_in(log_in.family, NOW)
    again = await store.log_ins.log_in(account.account_id, log_in.device_id, "TV", NOW, LATER)
    await store.log_ins.end_log_in(again.family, NOW)
    await store.log_ins.log_in(account.account_id, "", "Phone", NOW + 500, LATER + 90_000)
    assert await store.delete_expired(NOW + 86_401) == 1
    assert await store.delete_unseen_devices(NOW + 100) == 1
    assert [device.name for device in await store.log_ins.list_devices(account.account_id)] == ["Phone"]


async def test_addresses_and_device_names_are_sealed_on_disk_and_rotate(tmp_path):
    address = DatabaseAddress(tmp_path / "users.sqlite3")
    clear = UserStore(address, b"lookup")
    await clear.open()
    account = await sign_up(clear)
    await clear.log_ins.log_in(account.account_id, "", "Ann's TV", NOW, LATER)
    await clear.close()
    for keys in ({"k1": b"1" * 32}, {"k2": b"2" * 32, "k1": b"1" * 32}, {"k2": b"2" * 32}):
        store = UserStore(address, b"lookup", SealingKeys(keys))
        await store.open()
        while await store.reseal(limit=1):
            pass
        assert (await store.accounts.get_account(account.account_id)).email == "ann@example.org"
        assert [device.name for device in await store.log_ins.list_devices(account.account_id)] == ["Ann's TV"]
        assert (await store.accounts.find_credentials("ann@example.org")).account_id == account.account_id
        await store.close()
    with sqlite3.connect(tmp_path / "users.sqlite3") as connection:
        text = "\n".join(connection.iterdump())
    assert "ann@example" not in text
    assert "Ann's TV" not in text.replace("''", "'")
