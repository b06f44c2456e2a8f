"""When the service trains: after new feedback, at most every so often, and soon after somebody was erased."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import structlog

from kernel.clock import Clock
from kernel.errors import MatineeError, StorageFailed
from services.counters import Counters
from services.recommend.store import FeedbackStore
from services.recommend.training.artefact import Manifest, read_manifest
from services.recommend.training.versions import ModelVersions

log = structlog.get_logger()

LOOK_SECONDS = 10.0
ERASURE_SECONDS = 60.0
"""Between trainings after erasures: one that fails is not begun again at once."""
FIRST_SECONDS = 300.0
"""Feedback is collected for so long before the first training."""


def is_due(manifest: Manifest | None, head: int, erasures: int, since: float, every: float) -> bool:
    """Whether to train now.

    `head` and `erasures` as they are stored now, `manifest` of the served model; `since` seconds ago the last training
    began, or the service.
    """
    if manifest is None:
        return head > 0 and since >= min(every, FIRST_SECONDS)
    if erasures > manifest.erasures and since >= min(every, ERASURE_SECONDS):
        return True
    return head != manifest.cursor and since >= every


class TrainingSchedule:
    """Runs trainings by `train`, which returns the exit code of the process that trained."""

    def __init__(
        self,
        store: FeedbackStore,
        versions: ModelVersions,
        clock: Clock,
        counters: Counters,
        train: Callable[[], Awaitable[int]],
        every: float,
    ) -> None:
        self._store = store
        self._versions = versions
        self._clock = clock
        self._counters = counters
        self._train = train
        self._every = every
        self._began = clock.mono()

    async def run(self) -> None:
        """Train when it is due, for ever."""
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            try:
                await self.train_if_due()
            except StorageFailed as error:
                log.warning("training-not-started", error=str(error))

    async def train_if_due(self) -> bool:
        """Train if it is due; whether it was. Raises StorageFailed."""
        head, erasures = await self._store.head(), await self._store.fact("erasures")
        manifest = await asyncio.to_thread(self._served)
        if not is_due(manifest, head, erasures, self._clock.mono() - self._began, self._every):
            return False
        self._began, began = self._clock.mono(), self._clock.wall()
        code = await self._train()
        outcome = "published" if code == 0 else await asyncio.to_thread(self._why_not, began)
        self._counters.trainings.labels(outcome).inc()
        log.info("training-ended", exit=code, outcome=outcome)
        return True

    def _why_not(self, began: float) -> str:
        """Whether the training that began then made a model that is worse than the served one, or none."""
        rows = self._versions.rows()
        return "worse" if rows and rows[-1].made >= began and not rows[-1].published else "failed"

    def _served(self) -> Manifest | None:
        current = self._versions.current()
        try:
            return None if current is None else read_manifest(self._versions.path_of(current))
        except MatineeError:
            return None
