"""The folder store."""

from pathlib import Path

import pytest

from kernel.errors import BadSettings, StorageFailed
from origin.storage.object_store import FolderStorage, ObjectInfo


def test_put_get_list_delete(tmp_path):
    """Whole objects by key; what is not there is None."""
    store = FolderStorage(tmp_path / "deep" / "store")
    store.put("a/b/one", b"1")
    (tmp_path / "file").write_bytes(b"22")
    store.put_file("a/two", tmp_path / "file")
    store.make_durable(["a/b/one", "a/two"])
    assert store.get("a/b/one") == b"1"
    assert store.get("a/none") is None
    assert sorted(store.list("a/")) == [ObjectInfo("a/b/one", 1), ObjectInfo("a/two", 2)]
    assert list(store.list("none/")) == []
    store.delete(["a/b/one", "a/none"])
    assert not (tmp_path / "deep/store/a/b").exists()
    assert sorted(one.key for one in store.list("a/")) == ["a/two"]


def test_the_tag_changes_with_the_object(tmp_path):
    """That is how changes are seen without reading."""
    store = FolderStorage(tmp_path)
    assert store.tag("x") is None
    store.put("x", b"1")
    first = store.tag("x")
    store.put("x", b"2")
    assert store.tag("x") != first


def test_what_a_killed_writer_left(tmp_path):
    """Half-written files are swept, whole ones stay."""
    store = FolderStorage(tmp_path)
    store.put("media/x/a", b"1")
    (tmp_path / "media/x/b#1").write_bytes(b"ha")
    assert (store.sweep_unfinished("media/x"), store.sweep_unfinished("media/y")) == (1, 0)
    assert store.get("media/x/a") == b"1"


async def test_parts_are_read(tmp_path):
    """First included, stop not."""
    store = FolderStorage(tmp_path)
    store.put("x", b"0123456789")
    assert await store.read("x", 2, 5) == b"234"
    with pytest.raises(StorageFailed, match="reading y"):
        await store.read("y", 0, 1)


def test_a_disk_that_is_full(tmp_path):
    """The message names the store and says so; here the device that is always full stands for the disk."""
    (tmp_path / "store").mkdir()
    store = FolderStorage(tmp_path / "store")
    with (
        pytest.raises(StorageFailed, match=r"store failed while writing x: .*disk is full"),
        store._failing("writing x"),
    ):
        with Path("/dev/full").open("wb", buffering=0) as full:
            full.write(b"x")


def test_a_folder_that_cannot_be(tmp_path):
    """An operator's mistake, named."""
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(BadSettings, match="store"):
        FolderStorage(tmp_path / "file" / "store")
