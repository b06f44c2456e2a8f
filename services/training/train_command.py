"""`matinee recommend train`: train the recommendations, and publish the model to the running service.

A process of its own: training takes a core for seconds to minutes, and a service that answers viewers has none to
give. The service takes the new model up by itself.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from kernel.errors import BadSettings
from kernel.settings.table import DURATION, INTEGER, setting
from services.storage.location import data_setting, database_setting, locate_database, password_file_setting
from services.training.bounded_blas import bound_blas_threads
from system.clock import SystemClock

if TYPE_CHECKING:  # it needs NumPy, whose threads are bounded before it is loaded
    from services.recommend.training.versions import VersionRow

WAIT_SECONDS = 0.5
"""How often a training looks whether another one has ended."""


@dataclass(frozen=True)
class TrainSettings:
    """`matinee recommend train`."""

    data: Path = data_setting()
    database: str | None = database_setting()
    database_password_file: Path | None = password_file_setting()
    trend_half_life: float = setting(
        DURATION, "3d", "Time after which an event has half its weight in the trends.", least=60
    )
    ease_titles: int = setting(
        INTEGER,
        "6000",
        "Most-watched titles with a weight for each other one; memory grows with the square.",
        least=10,
        most=30_000,
    )
    factors: int = setting(INTEGER, "128", "Factors of each title and viewer.", least=4, most=512)
    seed: int = setting(INTEGER, "1", "Seed of everything that training draws at random.", least=0)


SETTINGS = TrainSettings


def run(settings: TrainSettings) -> int:
    """Train once, and print the result. Returns 1 if the new model was worse and is not published."""
    if not settings.data.is_dir():
        raise BadSettings("data", f"there is no folder {settings.data}")
    bound_blas_threads()
    return asyncio.run(_train(settings))


async def _train(settings: TrainSettings) -> int:
    from services.adapters.catalogue import read_title_texts
    from services.catalogue.store import CatalogueStore
    from services.recommend.store import FeedbackStore
    from services.recommend.training.job import train_once
    from services.recommend.training.trainer import NumpyTrainer, TrainingLimits
    from services.recommend.training.versions import MODELS_FOLDER, ModelVersions

    clock = SystemClock()
    store = FeedbackStore(locate_database(settings, "recommend"))
    catalogue = CatalogueStore(locate_database(settings, "catalogue"))
    limits = TrainingLimits(
        settings.ease_titles, settings.factors, trend_half_life=settings.trend_half_life, seed=settings.seed
    )
    started = clock.mono()

    def report(step: str) -> None:
        print(f"{clock.mono() - started:7.1f} s  {step}", flush=True)

    await store.open()
    try:
        await catalogue.open()
        try:
            titles, series = await read_title_texts(catalogue)
        finally:
            await catalogue.close()
        versions = ModelVersions(settings.data / MODELS_FOLDER)
        if versions.is_training():
            report("another process trains at this moment: waiting for it")
        while versions.is_training():  # noqa: ASYNC110 (the other one is another process)
            await asyncio.sleep(WAIT_SECONDS)
        row = await train_once(store, titles, versions, clock, NumpyTrainer(report), limits, report, series)
    finally:
        await store.close()
    _print_row(row)
    return 0 if row.published else 1


def _print_row(row: VersionRow) -> None:
    for name, found in row.metrics.items():
        print(f"  {name:<12} recall@{found['size']} {found['recall']:.4f}  ndcg@{found['size']} {found['ndcg']:.4f}")
    print(
        f"trained {row.version} on {row.interactions} interactions of {row.viewers} viewers "
        f"and {row.titles} titles in {row.seconds:.2f} s"
    )
    if not row.published:
        print(f"not published, the earlier model stays: {row.why}")
