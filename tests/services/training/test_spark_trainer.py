"""A training on Spark makes the model that a training on one machine makes; `make check-spark` runs it."""

import os

import numpy as np
import pytest

from kernel.errors import BadSettings
from services.recommend.training.trainer import NumpyTrainer, TrainingLimits
from services.training.spark_counts import COLUMNS, build_interactions
from services.training.spark_trainer import SparkTrainer, open_session
from tests.services.training.test_spark_counts import ITEMS, rows_of

LIMITS = TrainingLimits(ease_titles=25, factors=8, judged_viewers=60)


@pytest.mark.skipif("MATINEE_SPARK" not in os.environ, reason="starts a Java machine: make check-spark")
@pytest.mark.needs("java")
def test_the_model_of_spark_is_that_of_one_machine(tmp_path):
    session = open_session("local[2]")
    try:
        rows, path = rows_of(150), str(tmp_path / "marks")
        session.createDataFrame(rows, list(COLUMNS)).write.parquet(path)
        found = build_interactions(rows, ITEMS)
        empty = build_interactions([], ITEMS)
        spark = SparkTrainer(session, path, partitions=4).train(empty, {}, LIMITS)
    finally:
        session.stop()
    local = NumpyTrainer().train(found, {}, LIMITS)
    assert spark.sample is not None
    assert len(spark.sample) == len(found)
    assert spark.model.weights == local.model.weights
    assert np.allclose(spark.model.viewers, local.model.viewers)
    assert np.allclose(spark.model.factors, local.model.factors, atol=1e-5)
    assert np.allclose(spark.model.ease.matrix, local.model.ease.matrix, atol=1e-4)
    assert np.allclose(spark.model.successors.weights, local.model.successors.weights, atol=1e-5)


def test_a_missing_extra_is_told(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "pyspark.sql", None)
    with pytest.raises(BadSettings, match="needs the extra `spark`"):
        open_session("local[1]")
