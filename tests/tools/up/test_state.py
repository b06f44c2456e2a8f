"""The state folder: ours, ours alone, wiped only when it is."""

import fcntl
import os

import pytest

from kernel.errors import BadSettings
from tools.up.sample_film import FILM_NAME
from tools.up.state import LOCK, WIPE_MARKER, LockFile, claim_folder, finish_wipe, hold_lock, wipe


def test_a_folder_that_is_not_there_is_made(tmp_path):
    state = tmp_path / "deep" / "state"
    claim_folder(state)
    with hold_lock(state) as lock:
        assert (state / LOCK).read_text() == f"{os.getpid()} running\n"
        lock.write_status("stopping")
        assert (state / LOCK).read_text() == f"{os.getpid()} stopping\n"


def test_a_folder_of_other_things_is_refused_by_name(tmp_path):
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(BadSettings, match="thesis"):
        claim_folder(tmp_path)


def test_a_folder_with_only_our_parts_is_taken(tmp_path):
    (tmp_path / "store").mkdir()
    claim_folder(tmp_path)


def test_a_folder_once_claimed_stays_ours(tmp_path):
    (tmp_path / LOCK).touch()
    (tmp_path / "notes.txt").touch()
    claim_folder(tmp_path)


def test_a_file_in_place_of_the_folder_is_refused(tmp_path):
    (tmp_path / "state").touch()
    with pytest.raises(BadSettings, match="cannot be used"):
        claim_folder(tmp_path / "state")


def test_a_second_holder_is_refused_and_told_of_the_first(tmp_path, monkeypatch):
    monkeypatch.setattr("tools.up.state._LOCK_WAIT_SECONDS", 0.0)
    with (
        hold_lock(tmp_path),
        pytest.raises(BadSettings, match=f"process {os.getpid()}"),
        hold_lock(tmp_path),
    ):
        pass


def test_a_holder_that_says_it_is_stopping_is_waited_for(tmp_path, monkeypatch):
    monkeypatch.setattr("tools.up.state._LOCK_WAIT_SECONDS", 0.0)
    first = os.open(tmp_path / LOCK, os.O_RDWR | os.O_CREAT)
    LockFile(first).acquire(tmp_path)
    LockFile(first).write_status("stopping")
    monkeypatch.setattr("tools.up.state.time.sleep", lambda _: fcntl.flock(first, fcntl.LOCK_UN))
    with hold_lock(tmp_path):
        assert (tmp_path / LOCK).read_text() == f"{os.getpid()} running\n"
    os.close(first)


def test_a_wipe_takes_all_but_the_lock_and_the_fetched_film_and_follows_no_link(tmp_path):
    outside, state = tmp_path / "outside", tmp_path / "state"
    (outside / "kept").mkdir(parents=True)
    claim_folder(state)
    with hold_lock(state):
        (state / "store" / "deep").mkdir(parents=True)
        (state / "services").symlink_to(outside)
        (state / "keys").touch()
        (state / "films").mkdir()
        (state / "films" / FILM_NAME).touch()
        (state / "films" / "test_pattern.mp4").touch()
        wipe(state)
        assert sorted(entry.name for entry in state.iterdir()) == ["films", LOCK]
        assert [film.name for film in (state / "films").iterdir()] == [FILM_NAME]
    assert (outside / "kept").is_dir()


def test_a_wipe_killed_in_the_middle_is_finished_by_the_next_start(tmp_path):
    (tmp_path / WIPE_MARKER).mkdir()
    (tmp_path / "services").mkdir()
    (tmp_path / "store").mkdir()
    claim_folder(tmp_path)
    finish_wipe(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_without_a_begun_wipe_nothing_goes(tmp_path):
    (tmp_path / "store").mkdir()
    finish_wipe(tmp_path)
    assert (tmp_path / "store").is_dir()
