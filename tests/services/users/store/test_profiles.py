"""Profiles on both engines: bounded, and never none."""

import asyncio

from services.users.account import Profile
from services.users.store.profiles import TooMany
from tests.services.users.store.conftest import NOW, sign_up


async def test_profiles_are_added_changed_and_deleted_but_never_the_last(store):
    account = await sign_up(store)
    [ann] = await store.profiles.list_profiles(account.account_id)
    kid = await store.profiles.add_profile(account.account_id, Profile("", "Kim", kids=True, language="de"))
    assert await store.profiles.list_profiles(account.account_id) == [ann, kid]
    changed = Profile(kid.profile_id, "Kimberly", kids=False, maturity=16, data_saver=True, consent=False)
    assert await store.profiles.put_profile(account.account_id, changed, NOW)
    assert (await store.profiles.list_profiles(account.account_id))[1] == changed
    assert not await store.profiles.put_profile("a-somebody-else", changed, NOW)
    erasure = await store.profiles.delete_profile(account.account_id, ann.profile_id, NOW)
    assert (erasure.account_id, erasure.profiles) == ("", (ann.profile_id,))
    assert await store.erasures.unfinished_erasures() == [erasure]
    assert await store.profiles.delete_profile(account.account_id, kid.profile_id, NOW) is None


async def test_profiles_are_bounded_even_when_added_at_once(store):
    account = await sign_up(store)
    results = await asyncio.gather(
        *(store.profiles.add_profile(account.account_id, Profile("", f"P{number}")) for number in range(20)),
        return_exceptions=True,
    )
    assert sum(isinstance(result, TooMany) for result in results) == 11
    assert len(await store.profiles.list_profiles(account.account_id)) == 10
