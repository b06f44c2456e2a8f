"""Accounts on both engines: log-ins that rotate, end and are stolen; profiles, devices, sealed columns, erasure."""

import asyncio
import sqlite3

import pytest

from kernel.vocabulary import Tier
from services.users.account import Plan, Profile
from services.users.store import EmailTaken, RefreshRefused, TooMany, UserStore
from system.database.engine import DatabaseAddress
from system.sealing import SealingKeys

NOW = 1_800_000_000.0
LATER = NOW + 1_000
PLAN = Plan(Tier.HD, 2)


@pytest.fixture
async def store(database_address):
    store = UserStore(database_address, b"lookup")
    await store.open()
    yield store
    await store.close()


async def sign_up(store, email="ann@example.org"):
    return await store.create_account(email, "hash", "DE", PLAN, "Ann", NOW)


async def test_an_account_comes_back_with_its_first_profile(store):
    account = await sign_up(store)
    assert await store.get_account(account.account_id) == account
    assert [profile.name for profile in await store.list_profiles(account.account_id)] == ["Ann"]
    assert (await store.find_credentials("ANN@Example.org")).account_id == account.account_id
    assert await store.find_credentials("bob@example.org") is None


async def test_of_two_sign_ups_with_one_address_one_wins(store):
    results = await asyncio.gather(
        sign_up(store), sign_up(store, "Ann@Example.ORG"), sign_up(store), return_exceptions=True
    )
    assert sorted(type(result).__name__ for result in results) == ["Account", "EmailTaken", "EmailTaken"]
    with pytest.raises(EmailTaken):
        await sign_up(store)


async def test_a_refresh_token_works_once_and_gives_the_next_one(store):
    account = await sign_up(store)
    first = await store.log_in(account.account_id, "", "TV", NOW, LATER)
    second = await store.refresh(first.refresh_token, NOW + 1, LATER)
    assert (second.family, second.device_id) == (first.family, first.device_id)
    assert second.refresh_token != first.refresh_token
    third = await store.refresh(second.refresh_token, NOW + 2, LATER)
    assert third.account_id == account.account_id


async def test_a_token_that_comes_twice_ends_the_log_in_of_thief_and_viewer(store):
    account = await sign_up(store)
    first = await store.log_in(account.account_id, "", "TV", NOW, LATER)
    other = await store.log_in(account.account_id, "", "Phone", NOW, LATER)
    second = await store.refresh(first.refresh_token, NOW + 1, LATER)
    with pytest.raises(RefreshRefused) as refused:
        await store.refresh(first.refresh_token, NOW + 2, LATER)
    assert refused.value.reused
    with pytest.raises(RefreshRefused):
        await store.refresh(second.refresh_token, NOW + 3, LATER)
    _, revoked = await store.revoked_families(0, NOW)
    assert revoked == [first.family]
    assert (await store.refresh(other.refresh_token, NOW + 4, LATER)).family == other.family


async def test_of_ten_refreshes_at_once_with_one_token_at_most_one_is_answered(store):
    account = await sign_up(store)
    log_in = await store.log_in(account.account_id, "", "TV", NOW, LATER)
    results = await asyncio.gather(
        *(store.refresh(log_in.refresh_token, NOW + 1, LATER) for _ in range(10)), return_exceptions=True
    )
    assert sum(not isinstance(result, Exception) for result in results) == 1
    assert all(isinstance(result, RefreshRefused) for result in results if isinstance(result, Exception))


async def test_expired_and_unknown_tokens_are_refused(store):
    account = await sign_up(store)
    log_in = await store.log_in(account.account_id, "", "TV", NOW, LATER)
    for token, moment in ((log_in.refresh_token, LATER), ("unknown", NOW)):
        with pytest.raises(RefreshRefused) as refused:
            await store.refresh(token, moment, LATER + 1)
        assert not refused.value.reused


async def test_deleting_a_device_ends_its_log_ins_only(store):
    account = await sign_up(store)
    tv = await store.log_in(account.account_id, "", "TV", NOW, LATER)
    phone = await store.log_in(account.account_id, "", "Phone", NOW + 1, LATER)
    assert [device.name for device in await store.list_devices(account.account_id)] == ["Phone", "TV"]
    assert await store.delete_device(account.account_id, tv.device_id, NOW + 2)
    assert not await store.delete_device(account.account_id, tv.device_id, NOW + 2)
    assert not await store.delete_device("a-somebody-else", phone.device_id, NOW + 2)
    with pytest.raises(RefreshRefused):
        await store.refresh(tv.refresh_token, NOW + 3, LATER)
    await store.refresh(phone.refresh_token, NOW + 3, LATER)


async def test_a_device_that_comes_back_is_the_same_device(store):
    account = await sign_up(store)
    first = await store.log_in(account.account_id, "", "TV", NOW, LATER)
    again = await store.log_in(account.account_id, first.device_id, "TV", NOW + 5, LATER)
    assert again.device_id == first.device_id
    stranger = await sign_up(store, "bob@example.org")
    stolen = await store.log_in(stranger.account_id, first.device_id, "TV", NOW + 6, LATER)
    assert stolen.device_id != first.device_id


async def test_devices_are_bounded_and_the_longest_unseen_goes(store):
    account = await sign_up(store)
    for number in range(52):
        await store.log_in(account.account_id, "", f"D{number}", NOW + number, LATER)
    names = [device.name for device in await store.list_devices(account.account_id)]
    assert len(names) == 50
    assert "D0" not in names
    assert "D51" in names


async def test_a_new_password_ends_every_other_log_in(store):
    account = await sign_up(store)
    mine = await store.log_in(account.account_id, "", "TV", NOW, LATER)
    other = await store.log_in(account.account_id, "", "Phone", NOW, LATER)
    assert await store.set_password(account.account_id, "new hash", NOW + 1, keep_family=mine.family)
    await store.refresh(mine.refresh_token, NOW + 2, LATER)
    with pytest.raises(RefreshRefused):
        await store.refresh(other.refresh_token, NOW + 2, LATER)
    assert (await store.find_credentials("ann@example.org")).password == "new hash"


async def test_a_disabled_account_has_no_log_ins(store):
    account = await sign_up(store)
    log_in = await store.log_in(account.account_id, "", "TV", NOW, LATER)
    assert await store.disable_account(account.account_id, NOW + 1, disabled=True)
    assert (await store.find_credentials("ann@example.org")).disabled
    with pytest.raises(RefreshRefused):
        await store.refresh(log_in.refresh_token, NOW + 2, LATER)


async def test_profiles_are_added_changed_and_deleted_but_never_the_last(store):
    account = await sign_up(store)
    [ann] = await store.list_profiles(account.account_id)
    kid = await store.add_profile(account.account_id, Profile("", "Kim", kids=True, language="de"))
    assert await store.list_profiles(account.account_id) == [ann, kid]
    changed = Profile(kid.profile_id, "Kimberly", kids=False, maturity=16, data_saver=True, consent=False)
    assert await store.put_profile(account.account_id, changed)
    assert (await store.list_profiles(account.account_id))[1] == changed
    assert not await store.put_profile("a-somebody-else", changed)
    assert await store.delete_profile(account.account_id, ann.profile_id)
    assert not await store.delete_profile(account.account_id, kid.profile_id)


async def test_profiles_are_bounded_even_when_added_at_once(store):
    account = await sign_up(store)
    results = await asyncio.gather(
        *(store.add_profile(account.account_id, Profile("", f"P{number}")) for number in range(20)),
        return_exceptions=True,
    )
    assert sum(isinstance(result, TooMany) for result in results) == 11
    assert len(await store.list_profiles(account.account_id)) == 10


async def test_a_reset_link_works_once_and_in_time(store):
    account = await sign_up(store)
    await store.add_reset_link(account.account_id, "first", LATER)
    await store.add_reset_link(account.account_id, "second", LATER)
    assert await store.spend_reset_link("first", NOW) is None
    assert await store.spend_reset_link("second", NOW) == account.account_id
    assert await store.spend_reset_link("second", NOW) is None
    await store.add_reset_link(account.account_id, "third", LATER)
    assert await store.spend_reset_link("third", LATER) is None


async def test_an_erasure_is_remembered_until_every_store_has_followed(store):
    account = await sign_up(store)
    log_in = await store.log_in(account.account_id, "", "TV", NOW, LATER)
    erasure = await store.begin_erasure(account.account_id, NOW + 1)
    assert await store.get_account(account.account_id) is None
    assert await store.find_credentials("ann@example.org") is None
    with pytest.raises(RefreshRefused):
        await store.refresh(log_in.refresh_token, NOW + 2, LATER)
    assert await store.unfinished_erasures() == [erasure]
    await store.record_erasure(erasure, finished=True)
    assert await store.unfinished_erasures() == []
    assert await store.begin_erasure(account.account_id, NOW + 3) is None


async def test_what_has_expired_is_deleted(store):
    account = await sign_up(store)
    log_in = await store.log_in(account.account_id, "", "TV", NOW, LATER)
    await store.end_log_in(log_in.family, NOW)
    await store.log_in(account.account_id, "", "Phone", NOW + 500, LATER + 90_000)
    assert await store.delete_expired(NOW + 86_401, devices_before=NOW + 100) == 2
    assert [device.name for device in await store.list_devices(account.account_id)] == ["Phone"]


async def test_addresses_and_device_names_are_sealed_on_disk_and_rotate(tmp_path):
    address = DatabaseAddress(tmp_path / "users.sqlite3")
    clear = UserStore(address, b"lookup")
    await clear.open()
    account = await sign_up(clear)
    await clear.log_in(account.account_id, "", "Ann's TV", NOW, LATER)
    await clear.close()
    for keys in ({"k1": b"1" * 32}, {"k2": b"2" * 32, "k1": b"1" * 32}, {"k2": b"2" * 32}):
        store = UserStore(address, b"lookup", SealingKeys(keys))
        await store.open()
        while await store.reseal(limit=1):
            pass
        assert (await store.get_account(account.account_id)).email == "ann@example.org"
        assert [device.name for device in await store.list_devices(account.account_id)] == ["Ann's TV"]
        assert (await store.find_credentials("ann@example.org")).account_id == account.account_id
        await store.close()
    with sqlite3.connect(tmp_path / "users.sqlite3") as connection:
        text = "\n".join(connection.iterdump())
    assert "ann@example" not in text
    assert "Ann's TV" not in text.replace("''", "'")
