"""Keeps the retention periods: what is older than its kind of data may be is deleted once an hour."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

import structlog

from kernel.clock import Clock
from kernel.errors import Overloaded, StorageFailed
from system.clock import sleep

HOUR = 3600.0

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class RetentionRule:
    """A kind of data: its name, how long it is kept in seconds, and what deletes it.

    `delete_before(moment)` deletes what is older than a moment (Unix seconds) and returns how many records there were.
    Raises StorageFailed, Overloaded.
    """

    what: str
    seconds: float
    delete_before: Callable[[float], Awaitable[int]]


class RetentionJob:
    """Applies all rules; a store that fails holds up none of the others. `run` is its task."""

    def __init__(self, rules: Sequence[RetentionRule], clock: Clock) -> None:
        self._rules = rules
        self._clock = clock

    async def run(self) -> None:
        """Apply the rules every hour, for ever."""
        while True:
            await self.apply()
            await sleep(self._clock, HOUR)

    async def apply(self) -> None:
        """Apply each rule once."""
        for rule in self._rules:
            try:
                deleted = await rule.delete_before(self._clock.wall() - rule.seconds)
            except (StorageFailed, Overloaded) as error:
                log.warning("retention-held-up", what=rule.what, error=str(error))
                continue
            if deleted:
                log.info("retention-applied", what=rule.what, deleted=deleted)
