"""Leaving: other stores follow an erasure however often they fail, and playback ends what it was ordered to."""

import asyncio

from kernel.errors import StorageFailed
from kernel.vocabulary import Tier
from services.users.account import Plan, Profile
from services.users.leaving import Leaving
from tests.services.users.conftest import sign_up


async def test_an_erasure_that_a_store_holds_up_is_finished_when_it_is_back(make_service, watchlist, clock):
    service = await make_service()
    tokens = await sign_up(service)
    watchlist.people = {tokens.profile_id, "p-somebody"}
    watchlist.away = True
    assert not await service.erase_person(tokens.account_id)
    assert watchlist.people == {tokens.profile_id, "p-somebody"}
    again = await make_service()  # the first process was killed meanwhile
    watchlist.away = False
    async with asyncio.timeout(20), asyncio.TaskGroup() as tasks:
        finishing = tasks.create_task(again.leaving.finish_erasures())
        while await again.store.erasures.unfinished_erasures():
            await clock.advance(1)
            await asyncio.sleep(0.001)
        finishing.cancel()
    assert watchlist.people == {"p-somebody"}


class Store:
    """A store of personal data that notes when it is asked to erase."""

    def __init__(self, name, asked):
        self.name = name
        self.asked = asked

    async def erase_person(self, account_id, profiles):
        self.asked.append(self.name)


async def test_readers_of_the_event_log_erase_after_it_and_writers_before_it(make_service, clock):
    service, asked = await make_service(), []
    tokens = await sign_up(service)
    stores = [Store(name, asked) for name in ("events", "analytics", "recommend", "playback")]
    service.leaving = Leaving(service.store, clock, stores, [Store("peer:8080", asked)])
    assert await service.erase_person(tokens.account_id)
    assert asked == ["playback", "peer:8080", "events", "analytics", "recommend"]


async def test_an_export_asks_every_store(make_service, watchlist):
    service = await make_service()
    tokens = await sign_up(service)
    watchlist.people = {tokens.profile_id, "p-somebody"}
    export = await service.export_person(tokens.account_id)
    assert export["watchlist"] == [tokens.profile_id]
    assert export["account"]["email"] == "ann@example.org"


class Player:
    """Playback, which may be away."""

    def __init__(self):
        self.ended = []
        self.away = True

    async def end_playback(self, account_id, device_id=None):
        if self.away:
            raise StorageFailed("playback is away")
        self.ended.append((account_id, device_id))

    async def end_other_devices(self, account_id, device_id):
        self.ended.append((account_id, f"all but {device_id}"))

    async def review_playback(self, account_id):
        self.ended.append((account_id, "review"))


async def test_a_deleted_profile_is_forgotten_by_each_store_however_often_it_fails(make_service, watchlist, clock):
    service = await make_service()
    tokens = await sign_up(service)
    kim = await service.add_profile(tokens.account_id, Profile("", "Kim"))
    watchlist.people, watchlist.away = {kim.profile_id, tokens.profile_id}, True
    assert await service.delete_profile(tokens.account_id, kim.profile_id) is False
    again = await make_service()
    watchlist.away = False
    async with asyncio.timeout(20), asyncio.TaskGroup() as tasks:
        finishing = tasks.create_task(again.leaving.finish_erasures())
        while await again.store.erasures.unfinished_erasures():
            await clock.advance(1)
            await asyncio.sleep(0.001)
        finishing.cancel()
    assert watchlist.people == {tokens.profile_id}
    assert await again.get_account(tokens.account_id)


async def test_what_a_disabled_account_plays_ends_though_the_process_that_disabled_it_was_killed(make_service, clock):
    service = await make_service()  # it plays nothing itself, or was killed before it could end anything
    tokens = await sign_up(service)
    await service.set_plan(tokens.account_id, Plan(Tier.SD, 1))
    await service.store.accounts.set_password(tokens.account_id, "x", 0.0, keep_device="tv")
    await service.disable_account(tokens.account_id, disabled=True)
    again, player = await make_service(), Player()
    again.leaving.playing = player
    async with asyncio.timeout(20), asyncio.TaskGroup() as tasks:
        following = tasks.create_task(again.leaving.follow_ends())
        await clock.advance(5)
        player.away = False
        while await again.store.erasures.pending_ends(10):
            await clock.advance(1)
            await asyncio.sleep(0.001)
        following.cancel()
    assert player.ended == [(tokens.account_id, what) for what in ("review", "all but tv", None)]
