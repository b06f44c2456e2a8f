"""Log-ins on both engines: they rotate, end and are stolen."""

import asyncio

import pytest

from services.users.store.log_ins import RefreshRefused
from tests.services.users.store.conftest import LATER, NOW, sign_up


async def test_a_refresh_token_works_once_and_gives_the_next_one(store):
    account = await sign_up(store)
    first = await store.log_ins.log_in(account.account_id, "", "TV", NOW, LATER)
    second = await store.log_ins.refresh(first.refresh_token, NOW + 1, LATER)
    assert (second.family, second.device_id) == (first.family, first.device_id)
    assert second.refresh_token != first.refresh_token
    third = await store.log_ins.refresh(second.refresh_token, NOW + 2, LATER)
    assert third.account_id == account.account_id


async def test_a_token_that_comes_twice_ends_the_log_in_of_thief_and_viewer(store):
    account = await sign_up(store)
    first = await store.log_ins.log_in(account.account_id, "", "TV", NOW, LATER)
    other = await store.log_ins.log_in(account.account_id, "", "Phone", NOW, LATER)
    second = await store.log_ins.refresh(first.refresh_token, NOW + 1, LATER)
    with pytest.raises(RefreshRefused) as refused:
        await store.log_ins.refresh(first.refresh_token, NOW + 2, LATER)
    assert refused.value.reused
    with pytest.raises(RefreshRefused):
        await store.log_ins.refresh(second.refresh_token, NOW + 3, LATER)
    _, revoked = await store.log_ins.revoked_families(0, NOW, NOW)
    assert revoked == [first.family]
    assert (await store.log_ins.refresh(other.refresh_token, NOW + 4, LATER)).family == other.family


async def test_of_ten_refreshes_at_once_with_one_token_at_most_one_is_answered(store):
    account = await sign_up(store)
    log_in = await store.log_ins.log_in(account.account_id, "", "TV", NOW, LATER)
    results = await asyncio.gather(
        *(store.log_ins.refresh(log_in.refresh_token, NOW + 1, LATER) for _ in range(10)), return_exceptions=True
    )
    assert sum(not isinstance(result, Exception) for result in results) == 1
    assert all(isinstance(result, RefreshRefused) for result in results if isinstance(result, Exception))


async def test_expired_and_unknown_tokens_are_refused(store):
    account = await sign_up(store)
    log_in = await store.log_ins.log_in(account.account_id, "", "TV", NOW, LATER)
    for token, moment in ((log_in.refresh_token, LATER), ("unknown", NOW)):
        with pytest.raises(RefreshRefused) as refused:
            await store.log_ins.refresh(token, moment, LATER + 1)
        assert not refused.value.reused


async def test_deleting_a_device_ends_its_log_ins_only(store):
    account = await sign_up(store)
    tv = await store.log_ins.log_in(account.account_id, "", "TV", NOW, LATER)
    phone = await store.log_ins.log_in(account.account_id, "", "Phone", NOW + 1, LATER)
    assert [device.name for device in await store.log_ins.list_devices(account.account_id)] == ["Phone", "TV"]
    assert await store.log_ins.delete_device(account.account_id, tv.device_id, NOW + 2)
    assert not await store.log_ins.delete_device(account.account_id, tv.device_id, NOW + 2)
    assert not await store.log_ins.delete_device("a-somebody-else", phone.device_id, NOW + 2)
    with pytest.raises(RefreshRefused):
        await store.log_ins.refresh(tv.refresh_token, NOW + 3, LATER)
    await store.log_ins.refresh(phone.refresh_token, NOW + 3, LATER)


async def test_a_device_that_comes_back_is_the_same_device(store):
    account = await sign_up(store)
    first = await store.log_ins.log_in(account.account_id, "", "TV", NOW, LATER)
    again = await store.log_ins.log_in(account.account_id, first.device_id, "TV", NOW + 5, LATER)
    assert again.device_id == first.device_id
    stranger = await sign_up(store, "bob@example.org")
    stolen = await store.log_ins.log_in(stranger.account_id, first.device_id, "TV", NOW + 6, LATER)
    assert stolen.device_id != first.device_id


async def test_devices_are_bounded_and_the_longest_unseen_goes(store):
    account = await sign_up(store)
    for number in range(52):
        await store.log_ins.log_in(account.account_id, "", f"D{number}", NOW + number, LATER)
    names = [device.name for device in await store.log_ins.list_devices(account.account_id)]
    assert len(names) == 50
    assert "D0" not in names
    assert "D51" in names


async def test_a_reset_link_works_once_and_in_time(store):
    account = await sign_up(store)
    await store.log_ins.add_reset_link(account.account_id, "first", LATER)
    await store.log_ins.add_reset_link(account.account_id, "second", LATER)
    assert await store.log_ins.spend_reset_link("first", NOW) is None
    assert await store.log_ins.spend_reset_link("second", NOW) == account.account_id
    assert await store.log_ins.spend_reset_link("second", NOW) is None
    await store.log_ins.add_reset_link(account.account_id, "third", LATER)
    assert await store.log_ins.spend_reset_link("third", LATER) is None


async def test_a_revocation_that_is_committed_late_is_not_missed(store):
    account = await sign_up(store)
    ended = [await store.log_ins.log_in(account.account_id, "", "TV", NOW, LATER) for _ in range(2)]
    for log_in in ended:
        await store.log_ins.end_log_in(log_in.family, NOW)
    after, revoked = await store.log_ins.revoked_families(0, NOW - 1, NOW)
    assert revoked == [one.family for one in ended]
    # A reader that has seen the later number only: the earlier one was committed after it.
    assert await store.log_ins.revoked_families(after, NOW - 1, NOW) == (after, revoked)
    assert await store.log_ins.revoked_families(after, NOW - 1, NOW + 11) == (after, [])
