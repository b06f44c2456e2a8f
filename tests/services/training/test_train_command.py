"""`matinee recommend train`."""

import pytest

from kernel.errors import BadSettings
from services.recommend import import_command
from services.recommend.training.versions import ModelVersions
from services.training import train_command


def train(data, seed=1):
    return train_command.run(train_command.TrainSettings(data, None, None, 3600.0, 100, 8, None, None, seed))


def import_events(tmp_path):
    file = tmp_path / "events.csv"
    rows = [f"u{user},t{user % 2}{title},VIEW,,1700000000" for user in range(12) for title in range(6)]
    file.write_text("\n".join(rows))
    import_command.run(import_command.EventsSettings(tmp_path / "data", None, None), str(file))


def test_a_training_says_what_it_did_and_publishes(tmp_path, capsys):
    import_events(tmp_path)
    assert train(tmp_path / "data") == 0
    out = capsys.readouterr().out
    assert "on 72 interactions of 12 viewers and 12 titles in" in out
    versions = ModelVersions(tmp_path / "data" / "recommend-models")
    assert versions.current() in out
    assert [row.published for row in versions.rows()] == [True]


def test_a_missing_folder_is_a_bad_setting(tmp_path):
    with pytest.raises(BadSettings):
        train(tmp_path / "none")


def test_spark_needs_its_files(tmp_path):
    settings = train_command.TrainSettings(tmp_path, None, None, 3600.0, 100, 8, "local[1]", None, 1)
    with pytest.raises(BadSettings, match="parquet"):
        train_command.run(settings)
