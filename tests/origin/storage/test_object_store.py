"""The folder store."""

from pathlib import Path

import pytest

from kernel.errors import BadSettings, StorageFailed
from origin.storage.object_store import FolderStorage, ObjectInfo


def test_put_get_list_delete(tmp_path):
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


async def test_read_excludes_its_stop(tmp_path):
    store = FolderStorage(tmp_path)
    store.put("x", b"0123456789")
    assert await store.read("x", 2, 5) == b"234"
    with pytest.raises(StorageFailed, match="reading y"):
        await store.read("y", 0, 1)


def test_full_disk_is_named(tmp_path, monkeypatch):
    def write_to_full_device(*_, **__):
        with Path("/dev/full").open("wb", buffering=0) as full:
            full.write(b"x")

    store = FolderStorage(tmp_path / "store")
    monkeypatch.setattr("obstore.put", write_to_full_device)
    with pytest.raises(StorageFailed, match=r"store failed while writing x: .*disk is full"):
        store.put("x", b"x")


def test_unusable_folder_is_refused(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(BadSettings, match="store"):
        FolderStorage(tmp_path / "file" / "store")
