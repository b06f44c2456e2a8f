"""The folder of versions."""

import pytest

from kernel.errors import MatineeError, StorageFailed
from services.recommend.training.artefact import Manifest
from services.recommend.training.versions import MAX_KEPT, ModelVersions, VersionRow


def add(versions, number, erasures=0):
    import msgspec

    name = f"2026113{number % 10}T000000-{number:08x}"
    folder = versions.folder / name
    folder.mkdir(parents=True)
    manifest = Manifest(name, 0.0, 1, 1, 1, 1, 0, erasures, 0.0, {}, {}, {}, {}, {}, 0.0, {})
    (folder / "manifest.json").write_bytes(msgspec.json.encode(manifest))
    return name


def test_only_what_exists_is_published(tmp_path):
    versions = ModelVersions(tmp_path / "models")
    assert versions.current() is None
    name = add(versions, 1)
    versions.publish(name)
    assert versions.current() == name
    for bad in ("20261130T000000-ffffffff", "../x", ""):
        with pytest.raises(MatineeError):
            versions.publish(bad)
    (tmp_path / "models" / "current").write_bytes(b"\xff../../etc")
    assert versions.current() is None


def test_a_second_training_is_refused_and_a_killed_one_leaves_nothing(tmp_path):
    versions = ModelVersions(tmp_path / "models")
    with versions.training():
        (versions.folder / "20261130T000000-0000aaaa").mkdir()
        with pytest.raises(StorageFailed), ModelVersions(tmp_path / "models").training():
            pass
    with versions.training():
        assert versions.stored() == []
        assert not (versions.folder / "20261130T000000-0000aaaa").exists()


def test_old_versions_go_the_served_one_and_the_latest_stay(tmp_path):
    versions = ModelVersions(tmp_path / "models")
    names = [add(versions, number) for number in range(MAX_KEPT + 3)]
    versions.publish(names[0])
    versions.delete_old(0)
    kept = [one.version for one in versions.stored()]
    assert kept == [names[0], *names[-MAX_KEPT + 1 :]]


def test_models_that_knew_an_erased_person_go(tmp_path):
    versions = ModelVersions(tmp_path / "models")
    add(versions, 1)
    new = add(versions, 2, erasures=1)
    versions.publish(new)
    versions.delete_old(1)
    assert [one.version for one in versions.stored()] == [new]


def test_the_table_keeps_a_row_a_training_and_skips_what_it_cannot_read(tmp_path):
    versions = ModelVersions(tmp_path / "models")
    versions.folder.mkdir()
    assert versions.rows() == []
    row = VersionRow("v", 1.0, True, 1, 1, 1, 1.0, {"blend": {"ndcg": 0.5}})
    versions.add_row(row)
    with (versions.folder / "table.jsonl").open("ab") as file:
        file.write(b"{broken\n")
    versions.add_row(VersionRow("w", 2.0, False, 1, 1, 1, 1.0, {}, "worse"))
    assert [(one.version, one.published, one.why) for one in versions.rows()] == [
        ("v", True, ""),
        ("w", False, "worse"),
    ]
