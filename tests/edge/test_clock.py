"""The machine's clock."""

import asyncio
import time

from edge.clock import SystemClock


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
