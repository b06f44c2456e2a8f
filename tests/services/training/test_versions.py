"""`matinee recommend versions` and `matinee recommend use`."""

import pytest

from kernel.errors import MatineeError, StorageFailed
from services.recommend.training.versions import ModelVersions
from services.training.versions import USE, VERSIONS, VersionsSettings
from tests.services.training.test_train_command import import_events, train


def test_an_operator_goes_back_to_an_earlier_model(tmp_path, capsys):
    import_events(tmp_path)
    data = tmp_path / "data"
    assert train(data) == 0
    first = ModelVersions(data / "recommend-models").current()
    assert train(data, seed=2) == 0
    capsys.readouterr()
    assert USE.run(VersionsSettings(data), first) == 0
    assert VERSIONS.run(VersionsSettings(data)) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line[2:26] for line in lines if line.startswith("*")] == [first]
    with pytest.raises(StorageFailed):
        USE.run(VersionsSettings(data), "20200101T000000-00000000")
    with pytest.raises(MatineeError):
        USE.run(VersionsSettings(data), "../x")
