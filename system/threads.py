"""Work in a thread that a cancelled task waits for: a thread cannot be stopped, and what it uses must stay open."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


async def finish_in_thread(work: Callable[..., T], *arguments: object) -> T:
    """Run it in a thread, and to its end even when cancelled."""
    running = asyncio.get_running_loop().run_in_executor(None, work, *arguments)
    try:
        return await asyncio.shield(running)
    except asyncio.CancelledError:
        await asyncio.wait([running])
        raise
