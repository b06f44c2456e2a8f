"""Changes of many requests in one transaction, and what follows from them."""

import asyncio

import pytest

from kernel.errors import Overloaded
from kernel.vocabulary import OverloadReason, Tier
from services.playback.sessions.playback_sessions import PlaybackSessions
from services.playback.sessions.session import EndReason, EndSession, Result
from services.playback.sessions.store import PlaybackStore
from services.playback.viewer import ViewerFinder, ViewerPlan
from system.database.engine import DatabaseAddress
from tests.doubles.clock import FakeClock
from tests.services.playback.sessions.test_session import NOW, beat, session, start


class Users:
    """Plans by account."""

    def __init__(self):
        self.known = {"acc": ViewerPlan(Tier.HD, 2), "else": ViewerPlan(Tier.HD, 2)}
        self.asked = []
        self.gate = asyncio.Event()
        self.gate.set()

    async def plans(self, account_ids):
        found = dict(self.known)
        self.asked.append(list(account_ids))
        await self.gate.wait()
        return {name: plan for name, plan in found.items() if name in account_ids}


class Log:
    """Remembers records, or is full."""

    def __init__(self):
        self.records = []
        self.is_full = False

    async def append(self, record):
        if self.is_full:
            raise Overloaded(OverloadReason.EVENT_LOG_FULL)
        self.records.append(record)


@pytest.fixture
async def running(tmp_path):
    store = PlaybackStore(DatabaseAddress(tmp_path / "playback.sqlite3"), 100, 30.0)
    await store.open()
    users, events = Users(), Log()
    sessions = PlaybackSessions(store, ViewerFinder(users, None), FakeClock(NOW), events)
    async with asyncio.TaskGroup() as group:
        task = group.create_task(sessions.writes.run())
        yield sessions, users, events
        task.cancel()
    await store.close()


async def test_heartbeats_are_judged_by_the_plan_of_now_which_is_read_once_for_many(running):
    sessions, users, _ = running
    await sessions.change(start(session("a")))
    await sessions.change(start(session("b")))
    users.asked.clear()
    # What the handler passes as the plan does not count.
    outcomes = await asyncio.gather(*(sessions.change(beat(name, plan=None)) for name in "ab"))
    assert [one.result for one in outcomes] == [Result.DONE, Result.DONE]
    assert len(users.asked) <= 2
    users.known = {}
    assert (await sessions.change(beat("a"))).session.ended is EndReason.ACCOUNT


async def test_what_ends_is_recorded_once_and_wakes_the_revocations(running):
    sessions, _, events = running
    await sessions.change(start(session("a", "tv")))
    assert not sessions.revoked.is_set()
    await sessions.change(start(session("b", "tv")))
    assert sessions.revoked.is_set()
    sessions.revoked.clear()
    await sessions.change(beat("b", stop=True))
    await sessions.change(beat("b", stop=True))
    assert not sessions.revoked.is_set()
    assert [one.session_id for one in events.records] == ["a", "b", "a", "b"]


async def test_a_start_is_judged_by_the_account_of_now(running):
    """An account that was disabled after its viewer was looked up gets no session that nobody would end."""
    sessions, users, events = running
    users.known["acc"] = ViewerPlan(Tier.HD, 1)
    assert (await sessions.change(start(session("a", "tv"), 2))).result is Result.DONE
    assert (await sessions.change(start(session("b", "phone"), 2))).result is Result.NO_SLOT
    users.known = {}
    assert (await sessions.change(start(session("c", "tv")))).result is Result.UNKNOWN
    assert [one.session_id for one in events.records] == ["a"]


async def test_a_start_that_was_judged_before_an_account_was_disabled_is_ended_with_the_others(running):
    sessions, users, _ = running
    gate = users.gate = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        group.create_task(sessions.change(start(session("a"))))
        while not users.asked:
            await asyncio.sleep(0)
        users.known = {}
        ending = group.create_task(sessions.end_sessions("acc", EndReason.ACCOUNT))
        await asyncio.sleep(0)
        gate.set()
    assert ending.result() == 1


async def test_an_erased_person_leaves_no_record(running):
    sessions, _, events = running
    await sessions.change(start(session("a")))
    await sessions.change(start(session("b", profile_id="q")))
    events.records.clear()
    await sessions.end_person("", ["q"])
    assert [(await sessions.entitled(name)).revoked for name in "ab"] == [False, True]
    await sessions.end_person("acc", [])
    assert (await sessions.entitled("a")).revoked
    assert events.records == []


async def test_playback_goes_on_while_the_event_log_is_full(running):
    sessions, _, events = running
    events.is_full = True
    assert (await sessions.change(start(session("a")))).result is Result.DONE


async def test_an_account_or_one_of_its_devices_is_cut_off(running):
    sessions, _, _ = running
    await sessions.change(start(session("a", "tv")))
    await sessions.change(start(session("b", "phone")))
    await sessions.change(start(session("x", account="else")))
    await sessions.end_sessions("acc", EndReason.REVOKED, "tv")
    assert [(await sessions.entitled(name)).revoked for name in "abx"] == [True, False, False]
    assert await sessions.end_sessions("acc", EndReason.ACCOUNT) == 1
    assert [(await sessions.entitled(name)).revoked for name in "abx"] == [True, True, False]


async def test_what_a_session_may_decrypt(running):
    sessions, _, _ = running
    assert await sessions.entitled("a") is None
    await sessions.change(start(session("a")))
    found = await sessions.entitled("a")
    assert (found.content_id, found.tier, found.expires, found.revoked) == ("film", Tier.HD, NOW + 3600, False)
    await sessions.change(EndSession("a", None, EndReason.REVOKED, NOW))
    assert (await sessions.entitled("a")).revoked
