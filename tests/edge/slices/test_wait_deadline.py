"""The wait for a slice is bounded as a whole."""

from edge.slices.wait_deadline import WaitDeadline
from tests.scenario.clock import FakeClock


async def test_all_the_time_that_he_has_waited_counts():
    clock, told = FakeClock(), []
    wait = WaitDeadline(clock, 10, lambda: told.append(clock.now))
    began = clock.now
    wait.start()
    await clock.advance(3)
    wait.start()
    wait.extend()
    await clock.advance(3)
    wait.extend()
    await clock.advance(10)
    assert told == [began + 10]


async def test_what_came_ends_the_wait():
    clock, told = FakeClock(), []
    wait = WaitDeadline(clock, 10, lambda: told.append(clock.now))
    wait.extend()
    wait.start()
    wait.extend()
    wait.cancel()
    await clock.advance(20)
    assert told == []
