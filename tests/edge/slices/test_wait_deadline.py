"""The wait for a slice is bounded as a whole."""

from edge.slices.wait_deadline import Overdue
from tests.scenario.clock import FakeClock


async def test_all_the_time_that_he_has_waited_counts():
    clock, told = FakeClock(), []
    wait = Overdue(clock, 10, lambda: told.append(clock.now))
    began = clock.now
    wait.begins()
    await clock.advance(3)
    wait.begins()
    wait.again()
    await clock.advance(3)
    wait.again()
    await clock.advance(10)
    assert told == [began + 10]


async def test_what_came_ends_the_wait():
    clock, told = FakeClock(), []
    wait = Overdue(clock, 10, lambda: told.append(clock.now))
    wait.again()
    wait.begins()
    wait.again()
    wait.ends()
    await clock.advance(20)
    assert told == []
