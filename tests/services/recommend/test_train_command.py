"""`matinee recommend train`."""

import pytest

from kernel.errors import BadSettings
from services.recommend import import_command, train_command


def test_a_fit_says_how_long_it_took(tmp_path, capsys):
    file = tmp_path / "events.csv"
    file.write_text("u1,a,LIKE,,1700000000\nu1,b,LIKE,,1700000000\n")
    import_command.run(import_command.EventsSettings(tmp_path / "data", None, None), str(file))
    assert train_command.run(train_command.TrainSettings(tmp_path / "data", None, None, 3600.0)) == 0
    assert "fitted 2 events of 1 users and 2 titles in" in capsys.readouterr().out


def test_a_missing_folder_is_a_bad_setting(tmp_path):
    with pytest.raises(BadSettings):
        train_command.run(train_command.TrainSettings(tmp_path / "none", None, None, 3600.0))
