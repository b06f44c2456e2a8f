"""The trainer on Spark: chooses on a sample of the viewers, and fits to the counts of all of them."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from kernel.errors import BadSettings
from services.recommend.models.interactions import Interactions
from services.recommend.titles import TitleText
from services.recommend.training.trainer import NumpyTrainer, Trained, TrainingLimits
from services.training.spark_counts import SAMPLE_VIEWERS, SparkCounts


class SparkTrainer:
    """Trains from Parquet on a Spark session; the artefact is that of any trainer."""

    def __init__(
        self, session: Any, path: str, report: Callable[[str], object] = lambda _: None, partitions: int = 64
    ) -> None:
        self._session = session
        self._path = path
        self._report = report
        self._partitions = partitions

    def train(self, found: Interactions, titles: Mapping[str, TitleText], limits: TrainingLimits) -> Trained:
        """Train; `found` names the items, of which all `titles` are, and its rows are not used."""
        counts = SparkCounts(self._session, self._path, found.items, self._partitions)
        self._report("sampling viewers")
        sample = counts.sample(SAMPLE_VIEWERS, limits.seed)
        return replace(NumpyTrainer(self._report, counts).train(sample, titles, limits), sample=sample)


def open_session(master: str) -> Any:
    """A Spark session. Raises BadSettings where the extra `spark` is not installed."""
    try:
        from pyspark.sql import SparkSession
    except ModuleNotFoundError as error:
        raise BadSettings("spark", f"needs the extra `spark` (pip install matinee[spark]): {error}") from None
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    builder = SparkSession.builder.master(master).appName("matinee-recommend-train")
    return builder.config("spark.ui.enabled", "false").getOrCreate()
