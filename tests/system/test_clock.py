"""The machine's clock."""

import asyncio
import time

from system.clock import SystemClock, sleep


async def test_it_is_the_machines_and_calls_back_by_the_loop():
    clock = SystemClock()
    assert clock.mono() <= time.monotonic() <= clock.mono()
    assert clock.wall() > 1_700_000_000
    called = asyncio.Event()
    clock.call_later(0, called.set)
    async with asyncio.timeout(5):
        await called.wait()


async def test_a_call_can_be_forgotten():
    called = []
    SystemClock().call_later(0, lambda: called.append(1)).cancel()
    for _ in range(3):
        await asyncio.sleep(0)
    assert called == []


async def test_a_sleep_ends_when_its_clock_says_so_and_leaves_no_timer():
    class Still:
        def __init__(self):
            self.timers = []

        def call_later(self, delay, callback):
            self.timers.append((delay, callback))
            return self

        def cancel(self):
            self.timers.clear()

    clock = Still()
    async with asyncio.timeout(5), asyncio.TaskGroup() as tasks:
        sleeping = tasks.create_task(sleep(clock, 60.0))
        await asyncio.sleep(0)
        ((delay, wake),) = clock.timers
        assert delay == 60.0
        assert not sleeping.done()
        wake()
    assert clock.timers == []
