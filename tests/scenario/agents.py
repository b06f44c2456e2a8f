"""Edges reduced to what control sees of them: the real subscriber and state file, no viewers.

What an agent reports follows from its settings, as the test says: `fares(settings) -> Report`.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from edge.fleet.apply import FleetState
from edge.fleet.control_link import Connect, ControlCallbacks
from edge.fleet.subscribe import Subscriber
from kernel.clock import Clock
from kernel.fleet.messages import SETTINGS, Hello, Report

Fares = Callable[[Mapping[str, object]], Report | None]


def well(_settings: Mapping[str, object]) -> Report:
    """A report of an edge that fares well."""
    return Report(2.0, requests=100, hits=95, slow=0.02)


class Agent:
    """One of them."""

    def __init__(self, hello: Hello, connect: Connect, folder: Path, clock: Clock, fares: Fares) -> None:
        self.id = hello.id
        self.taken: list[Mapping[str, object]] = []
        """Its settings, each time that other ones came into force."""
        self.fares = fares
        self.check_state: Callable[[FleetState], object] = lambda _: None
        self._make: Callable[[], Subscriber] = lambda: Subscriber(
            hello,
            ["memory:1"],
            folder,
            clock,
            self._take,
            callbacks=ControlCallbacks(
                report=lambda: self.fares(self.settings),
                check_state=lambda state: self.check_state(state),  # noqa: PLW0108 (a test may replace it)
            ),
            connect=connect,
            jitter=random.Random(hello.id).random,
        )
        self.subscriber = self._make()
        self._task: asyncio.Task[None] | None = None

    @property
    def settings(self) -> Mapping[str, object]:
        return self.subscriber.state.documents.get(SETTINGS, {})

    def _take(self, state: FleetState) -> None:
        settings = state.documents.get(SETTINGS, {})
        if settings != (self.taken[-1] if self.taken else {}):
            self.taken.append(settings)

    def starts(self) -> None:
        """As a process that is started; its folder is what it was."""
        self.subscriber = self._make()
        self._task = asyncio.ensure_future(self.subscriber.run())

    async def is_killed(self) -> None:
        """At once."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None


def agents(
    count: int, connect: Connect, folder: Path, clock: Clock, fares: Fares = well, first: int = 0, **hello: Any
) -> list[Agent]:
    """So many, started, called e0 and so on."""
    names = [f"e{number}" for number in range(first, first + count)]
    made = [Agent(Hello(name, **hello), connect, folder / name, clock, fares) for name in names]
    for agent in made:
        agent.starts()
    return made


async def all_are_killed(some: Iterable[Agent]) -> None:
    await asyncio.gather(*(agent.is_killed() for agent in some))
