"""The machine's clocks."""

import asyncio

from services.clock import SystemClock


async def test_it_reads_both_clocks_and_calls_back():
    clock, called = SystemClock(), asyncio.Event()
    assert clock.wall() > 1_700_000_000
    assert clock.mono() <= clock.mono()
    clock.call_later(0, called.set)
    await asyncio.wait_for(called.wait(), 5)
