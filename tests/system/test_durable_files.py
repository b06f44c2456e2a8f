"""Files that are written whole or not at all."""

import os
import stat
from pathlib import Path

import pytest

from system.durable_files import create_file, replace_file, sync_path


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.parametrize("concurrent", [False, True])
def test_a_file_is_replaced_whole(tmp_path, concurrent):
    path = tmp_path / "f"
    for content in (b"one", b"two, longer"):
        replace_file(path, content, concurrent=concurrent)
        assert path.read_bytes() == content
    assert mode_of(path) == 0o600
    assert list(tmp_path.iterdir()) == [path]


def test_the_mode_is_what_is_asked_for_whatever_the_umask(tmp_path):
    before = os.umask(0o077)
    try:
        replace_file(tmp_path / "public", b"x", mode=0o644)
    finally:
        os.umask(before)
    assert mode_of(tmp_path / "public") == 0o644


def test_what_a_crash_left_is_neither_written_into_nor_kept(tmp_path):
    """A link that somebody placed there would be followed; a longer rest would stay at the end."""
    other = tmp_path / "other"
    other.write_bytes(b"somebody's")
    (tmp_path / "f.part").symlink_to(other)
    replace_file(tmp_path / "f", b"ours")
    assert other.read_bytes() == b"somebody's"
    assert (tmp_path / "f").read_bytes() == b"ours"
    assert not (tmp_path / "f").is_symlink()


@pytest.mark.parametrize("write", [replace_file, create_file])
@pytest.mark.parametrize("call", ["open", "fsync"])
def test_a_write_that_fails_leaves_nothing(tmp_path, monkeypatch, write, call):
    def full(*_args, **_options):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, call, full)
    with pytest.raises(OSError, match="No space"):
        write(tmp_path / "f", b"x")
    monkeypatch.undo()
    assert list(tmp_path.iterdir()) == []


def test_the_bytes_are_on_disk_before_the_name_is_and_the_folder_after(tmp_path, monkeypatch):
    calls = []
    fsync, replace = os.fsync, Path.replace
    monkeypatch.setattr(os, "fsync", lambda fd: calls.append(stat.S_ISDIR(os.fstat(fd).st_mode)) or fsync(fd))
    monkeypatch.setattr(Path, "replace", lambda *args: calls.append("replace") or replace(*args))
    replace_file(tmp_path / "f", b"x")
    assert calls == [False, "replace", True]


def test_a_file_is_created_once(tmp_path):
    path = tmp_path / "f"
    assert create_file(path, b"first")
    assert not create_file(path, b"second")
    assert path.read_bytes() == b"first"
    assert mode_of(path) == 0o600
    assert list(tmp_path.iterdir()) == [path]


def test_a_path_that_is_not_there_cannot_be_synced(tmp_path):
    sync_path(tmp_path)
    with pytest.raises(FileNotFoundError):
        sync_path(tmp_path / "nothing")
