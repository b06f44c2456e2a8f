"""The folder: one process holds it, and knows when it is another."""

import shutil

import pytest

from cache.disk.folder import Folder, InUse
from kernel.errors import BadSettings


@pytest.fixture
def folder(tmp_path):
    made = Folder(tmp_path / "cache")
    made.open()
    yield made
    made.close()


def test_it_is_for_one_process_until_that_lets_it_go(folder):
    other = Folder(folder.path)
    with pytest.raises(BadSettings, match="in use"):
        other.open()
    folder.close()
    folder.close()
    other.open()
    assert (other.is_ours(), folder.is_ours()) == (True, False)
    other.close()


@pytest.mark.parametrize("what", ["lock", ""])
def test_removed_it_is_not_ours_and_can_be_taken_again(folder, what):
    if what:
        (folder.path / what).unlink()
    else:
        shutil.rmtree(folder.path)
    assert not folder.is_ours()
    folder.create_missing()
    assert not folder.is_ours()
    folder.lock()
    assert folder.is_ours()


def test_made_again_by_another_it_is_the_other_s(folder):
    shutil.rmtree(folder.path)
    other = Folder(folder.path)
    other.open()
    assert not folder.is_ours()
    with pytest.raises(InUse):
        folder.lock()
    assert other.is_ours()
    other.close()
    folder.lock()
    assert folder.is_ours()


def test_moved_away_it_is_not_ours_under_its_name(folder, tmp_path):
    folder.path.rename(tmp_path / "aside")
    assert not folder.is_ours()
    (tmp_path / "aside").rename(folder.path)
    assert folder.is_ours()


def test_something_else_under_its_name(folder):
    shutil.rmtree(folder.path)
    folder.path.write_text("no folder")
    assert not folder.is_ours()
    with pytest.raises(OSError, match=r"directory|exists"):
        folder.create_missing()


def test_a_disk_that_does_not_say_is_not_taken_for_a_lost_folder(folder, monkeypatch):
    """Else what fails would be made anew again and again."""

    def failing(*_):
        raise OSError(5, "Input/output error")

    monkeypatch.setattr("os.stat", failing)
    assert folder.is_ours()
