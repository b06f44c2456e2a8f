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

FIRST_BACKOFF = 0.5
MAX_BACKOFF = 30.0
RESET_AFTER = 60.0
"""Seconds of running after which a failure counts as the first one."""

log = structlog.get_logger()


class TaskSupervisor:
    """Runs tasks. `failures` counts by task; `mono` returns monotonic seconds; `pause` sleeps; `on_failure` is called
    with the name of a task that failed."""

    def __init__(
        self,
        mono: Callable[[], float],
        pause: Callable[[float], Awaitable[object]] = asyncio.sleep,
        on_failure: Callable[[str], object] = lambda _: None,
    ) -> None:
        self.failures: Counter[str] = Counter()
        self._on_failure = on_failure
        self._mono = mono
        self._pause = pause

    async def run_task(self, name: str, work: Callable[[], Awaitable[None]]) -> None:
        """Run `work` until it returns, restarting it when it fails. Raises BadSettings."""
        pause = FIRST_BACKOFF
        while True:
            began = self._mono()
            try:
                await work()
            except BadSettings:
                raise
            except Exception as error:
                if fatal := _fatal(error):
                    raise fatal from None
                if self._mono() - began >= RESET_AFTER:
                    pause = FIRST_BACKOFF
                self.failures[name] += 1
                self._on_failure(name)
                log.exception("task-failed", task=name, retry_in=pause)
            else:
                return
            await self._pause(pause)
            pause = min(2 * pause, MAX_BACKOFF)


def _fatal(error: BaseException) -> BadSettings | None:
    """The BadSettings in an error or a group of errors, if any."""
    if isinstance(error, BadSettings):
        return error
    if isinstance(error, BaseExceptionGroup):
        return next((found for one in error.exceptions if (found := _fatal(one))), None)
    return None
