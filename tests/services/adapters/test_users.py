"""Accounts as playback sees them."""

from itertools import count

import pytest

from kernel.vocabulary import Tier
from services.adapters.users import LIMIT_SECONDS, MaturityLimits, UsersForPlayback
from services.http.caller import AccountCaller, Caller
from services.http.request_context import REQUEST_CONTEXT, RequestContext
from services.users.account import Plan, Profile
from services.users.store.user_store import UserStore
from system.database.engine import DatabaseAddress

NOW = 1_800_000_000.0


@pytest.fixture
async def users(tmp_path):
    store = UserStore(DatabaseAddress(tmp_path / "users.sqlite3"), b"lookup")
    await store.open()
    yield store
    await store.close()


async def test_a_viewer_has_their_profile_plan_and_device(users):
    account = await users.accounts.create_account("ann@example.org", "hash", "DE", Plan(Tier.HD, 2), "Ann", NOW)
    kid = await users.profiles.add_profile(
        account.account_id, Profile("", "Kid", kids=True, language="de", consent=False)
    )
    log_in = await users.log_ins.log_in(account.account_id, "", "Ann's TV", NOW, NOW + 60)
    caller = AccountCaller(account.account_id, kid.profile_id, (kid.profile_id,), log_in.device_id, log_in.family)
    playback = UsersForPlayback(users)
    viewer = await playback.viewer(caller, None)
    assert (viewer.device_id, viewer.device_name) == (log_in.device_id, "Ann's TV")
    assert (viewer.plan.tier, viewer.plan.streams, viewer.plan.countries) == (Tier.HD, 2, None)
    assert (viewer.maturity_max, viewer.languages, viewer.subtitles, viewer.consent) == (12, ("de",), None, False)
    assert (await playback.viewer(caller, "kitchen")).device_name == "kitchen"
    assert (await playback.viewer(caller, log_in.device_id)).device_name == "Ann's TV"


async def test_a_disabled_account_neither_plays_nor_has_a_plan(users):
    account = await users.accounts.create_account("ann@example.org", "hash", "DE", Plan(Tier.HD, 2), "Ann", NOW)
    profile = (await users.profiles.list_profiles(account.account_id))[0].profile_id
    caller = AccountCaller(account.account_id, profile, (profile,), "d", "f")
    playback = UsersForPlayback(users)
    assert list(await playback.plans([account.account_id, "nobody"])) == [account.account_id]
    await users.accounts.disable_account(account.account_id, NOW, disabled=True)
    assert await playback.plans([account.account_id]) == {}
    assert await playback.viewer(caller, None) is None


async def test_an_age_limit_that_expires_while_it_is_looked_up_is_still_answered(users):
    account = await users.accounts.create_account("ann@example.org", "hash", "DE", Plan(Tier.HD, 2), "Ann", NOW)
    kid = await users.profiles.add_profile(account.account_id, Profile("", "Kid", kids=True))
    caller = AccountCaller(account.account_id, kid.profile_id, (kid.profile_id,), "", "")
    request = {REQUEST_CONTEXT: RequestContext("", Caller(account=caller), None, None, secure=True)}
    moments = count(0.0, LIMIT_SECONDS / 2.5)  # each look at the clock is later
    limits = MaturityLimits(users, lambda: next(moments))
    assert {await limits(request) for _ in range(20)} == {12}
