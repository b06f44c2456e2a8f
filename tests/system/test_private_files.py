"""Nothing that a program writes may be read by other users of the machine, whatever umask it was started with."""

import os
import stat

import pytest

from system.private_files import private_folder, tighten
from tests.httpd.doors import PROGRAMS, process


def open_to_others(folder):
    """Files and folders below that others may read or enter."""
    return [str(path) for path in folder.rglob("*") if not path.is_symlink() and path.stat().st_mode & 0o077]


@pytest.fixture
def lax_umask():
    before = os.umask(0o022)
    yield
    os.umask(before)


@pytest.mark.parametrize("program", PROGRAMS)
def test_no_program_leaves_its_files_open_to_others(program, tmp_path, lax_umask):
    with process(program, tmp_path) as door:
        made = [path for path in tmp_path.iterdir() if path != door.log]
        assert made
        assert [path.name for path in made if path.stat().st_mode & 0o077] == []
        assert [name for folder in made for name in open_to_others(folder)] == []


@pytest.mark.parametrize(
    ("program", "folder", "file"),
    [
        ("services", "services", "playback.sqlite3"),
        ("control", "control", "control.sqlite3"),
        ("origin", "store", None),
        ("edge", "cache", None),
    ],
)
def test_what_an_older_start_left_open_is_closed_at_the_next(program, folder, file, tmp_path, lax_umask):
    with process(program, tmp_path):
        pass
    (tmp_path / folder).chmod(0o755)
    left = [tmp_path / folder / f"{file}{more}" for more in ("", "-wal", "-shm")] if file else []
    left = [path for path in left if path.exists()]
    for path in left:
        path.chmod(0o644)
    with process(program, tmp_path):
        assert stat.S_IMODE((tmp_path / folder).stat().st_mode) == 0o700
        assert not [path for path in left if path.exists() and path.stat().st_mode & 0o077]


def test_what_is_not_ours_alone_is_left_as_it_is(tmp_path):
    shared = tmp_path / "shared"
    shared.mkdir()
    shared.chmod(0o1777)
    private_folder(shared)
    assert stat.S_IMODE(shared.stat().st_mode) == 0o1777
    target = tmp_path / "elsewhere"
    target.write_text("x")
    target.chmod(0o644)
    (shared / "a.sqlite3").symlink_to(target)
    private_folder(shared)
    tighten([tmp_path / "none"])
    assert stat.S_IMODE(target.stat().st_mode) == 0o644
