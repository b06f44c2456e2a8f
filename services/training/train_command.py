"""`matinee recommend train`: train the recommendations, and publish the model to the running service.

A process of its own: training takes a core for seconds to minutes, and a service that answers viewers has none to
give. The service takes the new model up by itself.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from kernel.errors import BadSettings
from kernel.settings.table import DURATION, INTEGER, TEXT, setting
from services.storage.location import data_setting, database_setting, locate_database, password_file_setting
from services.training.bounded_blas import bound_blas_threads
from system.clock import SystemClock

if TYPE_CHECKING:  # it needs NumPy, whose threads are bounded before it is loaded
    from services.recommend.training.trainer import Trainer
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
    spark: str | None = setting(
        TEXT, None, "Train on Spark: the master's URL, such as local[4]; needs the extra `spark` and `parquet`."
    )
    parquet: str | None = setting(
        TEXT, None, "Folder or URL of the Parquet files that Spark trains from; see `recommend export`."
    )
    seed: int = setting(INTEGER, "1", "Seed of everything that training draws at random.", least=0)


SETTINGS = TrainSettings


def run(settings: TrainSettings) -> int:
    """Train once, and print the result. Returns 1 if the new model was worse and is not published."""
    if not settings.data.is_dir():
        raise BadSettings("data", f"there is no folder {settings.data}")
    if (settings.spark is None) != (settings.parquet is None):
        raise BadSettings("spark" if settings.spark is None else "parquet", "is needed besides the other one")
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
        trainer = NumpyTrainer(report) if settings.spark is None else _spark_trainer(settings, report)
        row = await train_once(
            store, titles, versions, clock, trainer, limits, report, series, reads_marks=settings.spark is None
        )
    finally:
        await store.close()
    _print_row(row)
    return 0 if row.published else 1


def _spark_trainer(settings: TrainSettings, report: Callable[[str], object]) -> Trainer:
    from services.training.spark_trainer import SparkTrainer, open_session

    return SparkTrainer(open_session(str(settings.spark)), str(settings.parquet), report)


@dataclass(frozen=True)
class ExportSettings:
    """`matinee recommend export`."""

    data: Path = data_setting()
    database: str | None = database_setting()
    database_password_file: Path | None = password_file_setting()
    spark: str = setting(TEXT, "local[2]", "The Spark master's URL; needs the extra `spark`.")


class EXPORT:
    """`matinee recommend export FOLDER`."""

    SETTINGS = ExportSettings

    @staticmethod
    def run(settings: ExportSettings, folder: str) -> int:
        """Write what viewers watched as Parquet, for a training on Spark."""
        from services.training.spark_trainer import open_session

        session = open_session(settings.spark)
        try:
            print(f"{asyncio.run(_export(settings, session, folder))} rows written to {folder}")
        finally:
            session.stop()
        return 0


async def _export(settings: ExportSettings, session: object, folder: str) -> int:
    from services.adapters.catalogue import read_title_texts
    from services.catalogue.store import CatalogueStore
    from services.recommend.store import FeedbackStore
    from services.training.spark_counts import write_parquet

    store = FeedbackStore(locate_database(settings, "recommend"))
    catalogue = CatalogueStore(locate_database(settings, "catalogue"))
    await store.open()
    try:
        await catalogue.open()
        try:
            _, series = await read_title_texts(catalogue)
        finally:
            await catalogue.close()
        return await write_parquet(session, folder, store.read_all_marks(100_000), series)
    finally:
        await store.close()


def _print_row(row: VersionRow) -> None:
    for name, found in row.metrics.items():
        print(f"  {name:<12} recall@{found['size']} {found['recall']:.4f}  ndcg@{found['size']} {found['ndcg']:.4f}")
    print(
        f"trained {row.version} on {row.interactions} interactions of {row.viewers} viewers "
        f"and {row.titles} titles in {row.seconds:.2f} s"
    )
    if not row.published:
        print(f"not published, the earlier model stays: {row.why}")
