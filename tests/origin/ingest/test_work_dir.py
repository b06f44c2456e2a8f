"""Where ingests work, one at a time a title."""

import pytest

from kernel.errors import BadRequest, BadSettings, StorageFailed
from origin.ingest.work_dir import WorkDir


def test_one_ingest_a_title(tmp_path):
    """The second is refused, another title is free, and after the first the lock is free."""
    first, second = WorkDir(tmp_path), WorkDir(tmp_path)
    with first.lock_title("x") as folder:
        assert folder.is_dir()
        with pytest.raises(BadRequest, match="another ingest of x is running"), second.lock_title("x"):
            pass
        with second.lock_title("y"):
            pass
    with second.lock_title("x"):
        pass


def test_what_dead_ingests_left(tmp_path):
    """Swept and removed, but not of the running and of the one to keep."""
    place = WorkDir(tmp_path)
    for name in ("dead", "mine", "running"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").write_bytes(b"")
    swept = []
    with WorkDir(tmp_path).lock_title("running"):
        place.clean(swept.append, keep="mine")
        place.sweep(swept.append)
    assert swept == ["dead", "mine"]
    assert sorted(one.name for one in tmp_path.iterdir() if one.is_dir()) == ["mine", "running"]


def test_a_disk_that_fails(tmp_path):
    """Errors of the work folder are the storage's."""
    with pytest.raises(StorageFailed, match="No space left"), WorkDir(tmp_path).lock_title("x"):
        raise OSError(28, "No space left on device")
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(BadSettings, match="work_dir"):
        WorkDir(tmp_path / "file" / "work")
