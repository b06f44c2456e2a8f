"""Accounts across processes and failures: revocations that spread, erasures that are finished later."""

import asyncio

import pytest
from argon2 import PasswordHasher

from kernel.errors import BadRequest
from kernel.vocabulary import Tier
from services.users.access_token import AccessTokens
from services.users.account import Plan, Profile
from services.users.passwords import PasswordThreads
from services.users.service import UserPolicy, UserService
from tests.doubles.clock import FakeClock
from tests.services.users.conftest import KEY, PASSWORD, log_in, sign_up


async def test_a_log_in_that_ends_in_one_process_ends_in_the_others(make_service, clock):
    here, there = await make_service(), await make_service()
    tokens = await sign_up(here)
    claims = there.verify_access(tokens.access_token)
    assert claims.account_id == tokens.account_id
    await here.log_out(claims)
    assert here.verify_access(tokens.access_token) is None
    async with asyncio.timeout(20), asyncio.TaskGroup() as tasks:
        following = tasks.create_task(there.follow_revocations())
        while there.verify_access(tokens.access_token) is not None:
            await clock.advance(0.5)
            await asyncio.sleep(0.001)
        following.cancel()


async def test_a_process_that_starts_later_knows_the_log_ins_that_have_ended(make_service):
    here = await make_service()
    tokens = await sign_up(here)
    await here.log_out(here.verify_access(tokens.access_token))
    late = await make_service()
    async with asyncio.timeout(20), asyncio.TaskGroup() as tasks:
        following = tasks.create_task(late.follow_revocations())
        while late.verify_access(tokens.access_token) is not None:
            await asyncio.sleep(0.001)
        following.cancel()


async def test_a_log_out_after_a_quiet_day_ends_the_access_token(make_service, clock):
    service = await make_service()
    for tokens in (await sign_up(service), await log_in(service)):
        await service.log_out(service.verify_access(tokens.access_token))
    await clock.advance(2 * 86_400)
    await service.store.delete_expired(clock.wall())
    tokens = await log_in(service)
    await service.log_out(service.verify_access(tokens.access_token))
    assert service.verify_access(tokens.access_token) is None


async def test_a_new_profile_is_in_the_token_that_was_made_before_it(make_service):
    service = await make_service()
    tokens = await sign_up(service)
    kim = await service.add_profile(tokens.account_id, Profile("", "Kim"))
    assert kim.profile_id in service.verify_access(tokens.access_token).profiles
    await service.delete_profile(tokens.account_id, kim.profile_id)
    assert kim.profile_id not in service.verify_access(tokens.access_token).profiles


async def test_two_first_log_ins_by_a_provider_at_once_share_one_account(make_service):
    service = await make_service()
    made = await asyncio.gather(
        *(service.log_in_by_provider("ann@example.org", "https://provider.test", "DE", "TV") for _ in range(2))
    )
    assert len({tokens.account_id for tokens in made}) == 1


async def test_a_reset_is_mailed_only_where_there_is_an_account(make_service):
    sent = []
    service = await make_service(send_reset=lambda email, token: sent.append((email, token)))
    await sign_up(service)
    await service.request_reset("nobody@example.org", "192.0.2.2")
    await service.request_reset("ann@example.org", "192.0.2.2")
    [(email, token)] = sent
    assert email == "ann@example.org"
    await service.reset_password(token, "better horse", "192.0.2.2")
    with pytest.raises(BadRequest):
        await service.log_in("ann@example.org", PASSWORD, "", "", "192.0.2.2")
    await service.log_in("ann@example.org", "better horse", "", "", "192.0.2.2")


async def test_a_hash_of_weaker_parameters_is_made_stronger_at_the_next_log_in(make_service):
    service = await make_service()
    await sign_up(service)
    before = (await service.store.accounts.find_credentials("ann@example.org")).password
    service = await make_service()
    stronger = PasswordThreads(PasswordHasher(time_cost=2, memory_cost=16, parallelism=1))
    policy = UserPolicy(Plan(Tier.HD, 2), 10_000.0)
    service = UserService(service.store, stronger, AccessTokens(KEY), FakeClock(), policy, service.leaving)
    await service.log_in("ann@example.org", PASSWORD, "", "", "192.0.2.1")
    after = (await service.store.accounts.find_credentials("ann@example.org")).password
    assert before != after
    assert not stronger.is_outdated(after)
    stronger.close()
