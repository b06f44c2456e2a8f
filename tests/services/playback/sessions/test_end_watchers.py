"""Players wait for the end of their session: who wakes, and that no wait is forgotten."""

import asyncio

import pytest

from kernel.errors import Overloaded, StorageFailed
from services.playback.sessions import end_watchers
from services.playback.sessions.end_watchers import EndWatchers
from tests.doubles.clock import FakeClock


@pytest.fixture
def clock():
    return FakeClock()


@pytest.fixture
def stopping():
    return asyncio.Event()


@pytest.fixture
def watchers(clock, stopping):
    return EndWatchers(clock, stopping)


def test_an_end_wakes_its_own_players_only(watchers, clock):
    with watchers.watch("a", 25) as one, watchers.watch("a", 25) as two, watchers.watch("b", 25) as other:
        watchers.notify(["a", "unknown"])
        assert (one.is_set(), two.is_set(), other.is_set()) == (True, True, False)
    assert clock.waiting == 0, "no timer outlives its wait"


def test_a_wait_is_over_in_time(watchers, clock):
    with watchers.watch("a", 25) as event:
        clock.move(24)
        assert not event.is_set()
        clock.move(2)
        assert event.is_set()


async def test_a_process_that_drains_waits_for_nobody(watchers, stopping):
    with watchers.watch("a", 25) as early:
        stopping.set()
        await watchers.run()
        assert early.is_set()
    with watchers.watch("a", 25) as late:
        assert late.is_set()


def test_the_waits_are_bounded_in_all_and_for_one_session(watchers, monkeypatch):
    monkeypatch.setattr(end_watchers, "MAX_WAITING", 5)
    with (
        watchers.watch("a", 25) as oldest, watchers.watch("a", 25) as second, watchers.watch("a", 25),
        watchers.watch("a", 25), watchers.watch("a", 25),
    ):  # fmt: skip
        assert (oldest.is_set(), second.is_set()) == (True, False)
        with pytest.raises(Overloaded), watchers.watch("b", 25):
            pass
    with watchers.watch("b", 25) as later:
        assert not later.is_set()


async def test_an_end_that_another_process_made_wakes_its_player_though_the_store_failed_before(watchers, clock):
    answers = iter([StorageFailed("away"), ["b"]])

    async def ended_of(_waiting):
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    async with asyncio.TaskGroup() as group:
        following = group.create_task(watchers.follow(ended_of))
        with watchers.watch("a", 25) as one, watchers.watch("b", 25) as other:
            await clock.advance(0)
            await clock.advance(1.1)
            assert (one.is_set(), other.is_set()) == (False, True)
        await clock.advance(5)  # nobody waits: the store is not asked
        following.cancel()
