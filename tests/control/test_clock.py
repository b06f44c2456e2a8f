"""Control's real clock."""

from __future__ import annotations

import asyncio

from control.clock import SystemClock


async def test_a_call_comes_back_unless_it_is_cancelled() -> None:
    clock, called = SystemClock(), asyncio.Event()
    clock.call_later(0, called.set)
    clock.call_later(0, lambda: called.set() or 1 / 0).cancel()
    await asyncio.wait_for(called.wait(), 10)
    assert clock.wall() > 1_600_000_000
    assert clock.mono() <= clock.mono()
