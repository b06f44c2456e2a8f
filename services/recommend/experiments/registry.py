"""The running experiments in memory, read again every moment, so that each process gives out the same arms."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import structlog

from kernel.errors import StorageFailed
from services.recommend.experiments.assignment import Assignment, assign
from services.recommend.experiments.definition import State, StoredExperiment
from services.recommend.experiments.store import ExperimentStore

log = structlog.get_logger()

RELOAD_SECONDS = 1.0


class ExperimentRegistry:
    """Gives profiles their arms; `run` follows what operators change. `holdout` is a share, 0 to 1."""

    def __init__(self, store: ExperimentStore, holdout: float) -> None:
        self._store = store
        self.holdout = holdout
        self.running: Sequence[StoredExperiment] = ()

    def assign(self, profile: str, country: str | None, surface: str) -> list[Assignment]:
        """The arms of a profile."""
        return assign(profile, self.running, self.holdout, country, surface) if self.running else []

    async def reload(self) -> None:
        """Read the experiments. Raises StorageFailed."""
        self.running = tuple(one for one in await self._store.list_all() if one.state is State.RUNNING)

    async def run(self) -> None:
        """Reload for ever; while the store is away, what was read last holds."""
        while True:
            try:
                await self.reload()
            except StorageFailed as error:
                log.warning("experiments-unreadable", error=str(error))
            await asyncio.sleep(RELOAD_SECONDS)
