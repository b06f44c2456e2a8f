"""What a folder has of its own: the lock, unfinished files, a mount that goes away."""

import os
import subprocess
import sys

import pytest

from kernel.errors import BadSettings
from kernel.store_faults import StoreFault
from origin.stores.folder import open_folder, sweep_unfinished
from origin.stores.object_store import ABSENT, StoreFailed


async def test_it_is_made_private(tmp_path):
    await open_folder(tmp_path / "deep/store").put("a/b", b"1")
    assert (tmp_path / "deep/store").stat().st_mode & 0o777 == 0o700


async def test_empty_folders_go(tmp_path):
    store = open_folder(tmp_path)
    await store.put("a/b/one", b"1")
    await store.put("a/two", b"2")
    await store.delete(["a/b/one"])
    assert [one.name for one in (tmp_path / "a").iterdir()] == ["two"]
    await store.delete(["a/two"])
    assert [one.name for one in tmp_path.iterdir() if one.is_dir()] == []


def test_what_a_killed_writer_left(tmp_path):
    """Unfinished files go once they are old, whole ones stay."""
    (tmp_path / "media").mkdir()
    for name, modified in (("a#1", 100), ("b#22", 300), ("c", 100), ("#", 100)):
        (tmp_path / "media" / name).write_bytes(b"x")
        os.utime(tmp_path / "media" / name, (modified, modified))
    assert sweep_unfinished(tmp_path, before=200) == 1
    assert sorted(one.name for one in (tmp_path / "media").iterdir()) == ["#", "b#22", "c"]


async def test_a_dead_writer_holds_no_lock(tmp_path):
    """A process is killed in the middle of a conditional write."""
    program = (
        "import fcntl,os,sys; f = os.open(sys.argv[1], os.O_RDWR | os.O_CREAT);"
        "fcntl.flock(f, fcntl.LOCK_EX); print('held', flush=True); sys.stdin.read()"
    )
    store = open_folder(tmp_path)
    with subprocess.Popen(
        [sys.executable, "-c", program, str(tmp_path / ".lock")], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as holder:
        assert holder.stdout.readline() == b"held\n"
        holder.kill()
        await store.put("x", b"1", only_if=ABSENT)


async def test_a_lock_that_is_never_freed_is_an_error(tmp_path, monkeypatch):
    import fcntl

    monkeypatch.setattr("origin.stores.folder.LOCK_SECONDS", 0.02)
    store = open_folder(tmp_path)
    with (tmp_path / ".lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(StoreFailed, match="lock"):
            await store.put("x", b"1", only_if=ABSENT)


@pytest.mark.parametrize("replaced", [False, True])
async def test_a_folder_that_went_away_is_not_an_empty_store(tmp_path, replaced):
    """Nothing is called missing, and nothing is written to the disk below the mount."""
    store = open_folder(tmp_path / "store")
    await store.put("x", b"1")
    (tmp_path / "store").rename(tmp_path / "elsewhere")
    if replaced:
        (tmp_path / "store").mkdir()
    for asked in (
        store.get("x"),
        store.get("y"),
        store.info("y"),
        store.read("x", 0, 1),
        store.put("x", b"2"),
        store.put("x", b"2", only_if=ABSENT),
        store.delete(["x"]),
        store.check(),
        anext(store.list("a/")),
    ):
        with pytest.raises(StoreFailed) as failed:
            await asked
        assert failed.value.fault is StoreFault.UNAVAILABLE
    assert not replaced or list((tmp_path / "store").iterdir()) == []


def test_an_unusable_folder_is_refused(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(BadSettings, match="replica_store"):
        open_folder(tmp_path / "file" / "store", "replica_store")
