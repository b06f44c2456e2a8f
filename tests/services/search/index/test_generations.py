"""Generations: the newest complete one serves, unfinished ones never."""

from services.search.index.generations import Generations
from tests.services.search.conftest import entry


def build(folder, *, complete, epoch="e"):
    index = folder.create_next(epoch)
    index.update_titles([entry("a")])
    index.commit(7, complete=complete)
    return index


def test_an_unfinished_generation_does_not_serve(tmp_path):
    folder = Generations(tmp_path)
    whole = build(folder, complete=True)
    build(folder, complete=False).close()  # a process killed while it rebuilt
    whole.close()
    found = folder.open_latest()
    assert found is not None
    assert found.folder == whole.folder
    folder.remove_others(found)
    assert [path.name for path in tmp_path.iterdir()] == [whole.folder.name]
    found.close()


def test_a_damaged_generation_leaves_the_one_before(tmp_path):
    folder = Generations(tmp_path)
    old, new = build(folder, complete=True), build(folder, complete=True)
    old.close()
    new.close()
    for file in (new.folder / "index").iterdir():
        file.write_bytes(b"")
    found = folder.open_latest()
    assert found is not None
    assert found.folder == old.folder
    found.close()


def test_an_empty_folder_has_no_index(tmp_path):
    assert Generations(tmp_path / "absent").open_latest() is None


def test_the_layout_of_earlier_releases_is_removed(tmp_path):
    (tmp_path / "index").mkdir()
    (tmp_path / "checkpoint.json").write_text("{}")
    folder = Generations(tmp_path)
    index = build(folder, complete=True)
    folder.remove_others(index)
    assert [path.name for path in tmp_path.iterdir()] == [index.folder.name]
    index.close()
