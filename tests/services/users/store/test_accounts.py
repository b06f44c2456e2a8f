"""Accounts on both engines: one per address, and what ends their log-ins."""

import asyncio

import pytest

from services.users.store.accounts import EmailTaken
from services.users.store.log_ins import RefreshRefused
from tests.services.users.store.conftest import LATER, NOW, sign_up


async def test_an_account_comes_back_with_its_first_profile(store):
    account = await sign_up(store)
    assert await store.accounts.get_account(account.account_id) == account
    assert [profile.name for profile in await store.profiles.list_profiles(account.account_id)] == ["Ann"]
    assert (await store.accounts.find_credentials("ANN@Example.org")).account_id == account.account_id
    assert await store.accounts.find_credentials("bob@example.org") is None


async def test_of_two_sign_ups_with_one_address_one_wins(store):
    results = await asyncio.gather(
        sign_up(store), sign_up(store, "Ann@Example.ORG"), sign_up(store), return_exceptions=True
    )
    assert sorted(type(result).__name__ for result in results) == ["Account", "EmailTaken", "EmailTaken"]
    with pytest.raises(EmailTaken):
        await sign_up(store)


async def test_a_new_password_ends_every_other_log_in(store):
    account = await sign_up(store)
    mine = await store.log_ins.log_in(account.account_id, "", "TV", NOW, LATER)
    other = await store.log_ins.log_in(account.account_id, "", "Phone", NOW, LATER)
    assert await store.accounts.set_password(account.account_id, "new hash", NOW + 1, keep_family=mine.family)
    await store.log_ins.refresh(mine.refresh_token, NOW + 2, LATER)
    with pytest.raises(RefreshRefused):
        await store.log_ins.refresh(other.refresh_token, NOW + 2, LATER)
    assert (await store.accounts.find_credentials("ann@example.org")).password == "new hash"


async def test_a_disabled_account_has_no_log_ins(store):
    account = await sign_up(store)
    log_in = await store.log_ins.log_in(account.account_id, "", "TV", NOW, LATER)
    assert await store.accounts.disable_account(account.account_id, NOW + 1, disabled=True)
    assert (await store.accounts.find_credentials("ann@example.org")).disabled
    with pytest.raises(RefreshRefused):
        await store.log_ins.refresh(log_in.refresh_token, NOW + 2, LATER)
