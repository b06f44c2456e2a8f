"""What is left to do after somebody has gone, on both engines."""

import pytest

from services.users.store.log_ins import RefreshRefused
from tests.services.users.store.conftest import LATER, NOW, sign_up


async def test_an_erasure_is_remembered_until_every_store_has_followed(store):
    account = await sign_up(store)
    log_in = await store.log_ins.log_in(account.account_id, "", "TV", NOW, LATER)
    erasure = await store.erasures.begin_erasure(account.account_id, NOW + 1)
    assert await store.accounts.get_account(account.account_id) is None
    assert await store.accounts.find_credentials("ann@example.org") is None
    with pytest.raises(RefreshRefused):
        await store.log_ins.refresh(log_in.refresh_token, NOW + 2, LATER)
    assert await store.erasures.unfinished_erasures() == [erasure]
    await store.erasures.record_erasure(erasure, finished=True)
    assert await store.erasures.unfinished_erasures() == []
    assert await store.erasures.begin_erasure(account.account_id, NOW + 3) is None


async def test_what_must_stop_playing_is_written_with_the_change_and_waits_until_it_is_confirmed(store):
    account = await sign_up(store)
    tv = await store.log_ins.log_in(account.account_id, "", "TV", NOW, LATER)
    await store.log_ins.delete_device(account.account_id, tv.device_id, NOW + 1)
    await store.accounts.disable_account(account.account_id, NOW + 2, disabled=True)
    ends = await store.erasures.pending_ends(10)
    assert [(end.account_id, end.device_id) for end in ends] == [
        (account.account_id, tv.device_id), (account.account_id, ""),
    ]  # fmt: skip
    await store.erasures.confirm_ends([ends[0].number])
    assert await store.erasures.pending_ends(10) == ends[1:]
    await store.accounts.disable_account(account.account_id, NOW + 3, disabled=False)
    assert await store.erasures.pending_ends(10) == ends[1:]
