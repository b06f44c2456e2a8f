"""Players that wait for the end of their sessions, so that a stream that is ended elsewhere stops at once.

A player has up to half a minute in its buffer, so that the edges' refusal alone would reach the viewer late.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager

import structlog

from kernel.clock import Clock
from kernel.errors import Overloaded, StorageFailed
from kernel.vocabulary import OverloadReason
from system.clock import sleep

log = structlog.get_logger()

MAX_WAITING = 50_000
POLL_SECONDS = 0.5
"""How often the store is asked for ends of other processes: 10,000 waits cost it and us some milliseconds."""
MAX_ASKED = 1_000
MAX_PER_SESSION = 4
"""Several tabs may wait for one session; the oldest wait is over when another comes."""


class EndWatchers:
    """The waits of this process; `run` and `follow` are its background tasks."""

    def __init__(self, clock: Clock, stopping: asyncio.Event) -> None:
        self._clock = clock
        self._stopping = stopping
        self._waiting: dict[str, list[asyncio.Event]] = {}
        self._count = 0

    async def run(self) -> None:
        """End all waits once the process drains, which would wait for them otherwise."""
        await self._stopping.wait()
        self.notify(self._waiting)

    async def follow(self, ended_of: Callable[[Sequence[str]], Awaitable[Sequence[str]]]) -> None:
        """End the waits for sessions that other processes of the services have ended, for ever."""
        while True:
            await sleep(self._clock, POLL_SECONDS)
            waiting = list(self._waiting)
            try:
                for first in range(0, len(waiting), MAX_ASKED):
                    self.notify(await ended_of(waiting[first : first + MAX_ASKED]))
            except StorageFailed as error:
                log.warning("ends-unreadable", error=str(error))

    def notify(self, session_ids: Iterable[str]) -> None:
        """End the waits for these sessions."""
        for session_id in session_ids:
            for event in self._waiting.get(session_id, ()):
                event.set()

    @contextmanager
    def watch(self, session_id: str, seconds: float) -> Iterator[asyncio.Event]:
        """An event that is set when the session ends, `seconds` are over or the process drains. Raises Overloaded."""
        if self._count >= MAX_WAITING:
            raise Overloaded(OverloadReason.PLAYERS_WAITING)
        event = asyncio.Event()
        if self._stopping.is_set():
            event.set()
        waits = self._waiting.setdefault(session_id, [])
        waits.append(event)
        self._count += 1
        if len(waits) > MAX_PER_SESSION:
            waits[-1 - MAX_PER_SESSION].set()
        timer = self._clock.call_later(seconds, event.set)
        try:
            yield event
        finally:
            timer.cancel()
            waits.remove(event)
            self._count -= 1
            if not waits:
                del self._waiting[session_id]
