"""Revocations reach control, also after it was away and after a crash of ours."""

import asyncio

import pytest

from kernel.errors import UpstreamFailed
from kernel.fetch_reasons import UpstreamReason
from services.playback.sessions.revocation import RevocationPusher
from services.playback.sessions.session import EndReason, EndSession
from tests.doubles.clock import FakeClock
from tests.services.playback.sessions.test_session import NOW, session, start


class Control:
    """Takes revocations, or is away."""

    def __init__(self):
        self.revoked = {}
        self.is_away = False

    async def revoke(self, session, *, until=None):
        if self.is_away:
            raise UpstreamFailed(UpstreamReason.NO_EDGE, detail="control is away")
        self.revoked[session] = until


@pytest.fixture
def control():
    return Control()


@pytest.fixture
def pusher(store, control):
    return RevocationPusher(store, control, asyncio.Event(), FakeClock(real_timers=True))


async def end_one(store, name="a"):
    await store.apply([start(session(name))])
    await store.apply([EndSession(name, None, EndReason.REVOKED, NOW)])


async def test_control_gets_a_revocation_until_the_token_expires(store, control, pusher):
    await end_one(store)
    assert await pusher.send_pending() == 1
    assert control.revoked == {"a": "2027-01-15T09:00:00+00:00"}
    assert await pusher.send_pending() == 0


async def test_a_revocation_waits_while_control_is_away_and_goes_out_after_a_restart(store, control, pusher):
    await end_one(store)
    control.is_away = True
    with pytest.raises(UpstreamFailed):
        await pusher.send_pending()
    control.is_away = False
    successor = RevocationPusher(store, control, asyncio.Event(), FakeClock(real_timers=True))
    assert await successor.send_pending() == 1
    assert list(control.revoked) == ["a"]


async def test_the_task_goes_on_after_a_failure_and_wakes_for_the_next_one(store, control, until):
    woken = asyncio.Event()
    pusher = RevocationPusher(store, control, woken, FakeClock(real_timers=True))
    control.is_away = True
    await end_one(store)
    async with asyncio.TaskGroup() as group:
        task = group.create_task(pusher.run())
        await asyncio.sleep(0)
        control.is_away = False
        await until(lambda: "a" in control.revoked)
        await end_one(store, "b")
        woken.set()
        await until(lambda: "b" in control.revoked)
        task.cancel()
