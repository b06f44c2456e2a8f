"""Supervised background tasks: a task that fails is logged, counted and restarted with growing delays.

Peers' messages drive these tasks, and a bug in one must not end a serving program. Only BadSettings, which the operator
must fix, ends it.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable

import structlog

from kernel.errors import BadSettings

BACKOFF_FIRST = 0.5
MAX_BACKOFF = 30.0
CALM_AFTER = 60.0
"""Seconds of running after which a failure counts as the first again."""

log = structlog.get_logger()


class Supervised:
    """Runs tasks. `failures` counts by task; `mono` is the clock's, `pause` waits so many seconds, `told` hears of each
    failure."""

    def __init__(
        self,
        mono: Callable[[], float],
        pause: Callable[[float], Awaitable[object]] = asyncio.sleep,
        told: Callable[[str], object] = lambda _: None,
    ) -> None:
        self.failures: Counter[str] = Counter()
        self._told = told
        self._mono = mono
        self._pause = pause

    async def keep(self, name: str, work: Callable[[], Awaitable[None]]) -> None:
        """Run `work` until it returns, restarting it when it fails. Raises BadSettings."""
        pause = BACKOFF_FIRST
        while True:
            began = self._mono()
            try:
                await work()
            except BadSettings:
                raise
            except Exception as error:
                if fatal := _fatal(error):
                    raise fatal from None
                if self._mono() - began >= CALM_AFTER:
                    pause = BACKOFF_FIRST
                self.failures[name] += 1
                self._told(name)
                log.exception("task-failed", task=name, retry_in=pause)
            else:
                return
            await self._pause(pause)
            pause = min(2 * pause, MAX_BACKOFF)


def _fatal(error: BaseException) -> BadSettings | None:
    """What the operator has to put right, where a group of tasks failed with it."""
    if isinstance(error, BadSettings):
        return error
    if isinstance(error, BaseExceptionGroup):
        return next((found for one in error.exceptions if (found := _fatal(one))), None)
    return None
