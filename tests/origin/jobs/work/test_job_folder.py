"""The folder of a job."""

import hashlib
import os

import pytest

from kernel.errors import BadRequest, BadSettings
from origin.jobs.work.job_folder import FilmNote, JobFolders
from origin.jobs.work.step_outcome import OutputMissing

JOB = "job-0123456789abcdef"


@pytest.fixture
def folder(tmp_path):
    made = JobFolders(tmp_path / "work").of(JOB)
    made.make()
    return made


def note_of(film):
    seen = film.stat()
    digest = hashlib.sha256(film.read_bytes()).hexdigest()
    return FilmNote(str(film), digest, seen.st_size, seen.st_ino, seen.st_mtime_ns)


def test_a_film_that_changes_or_goes_is_noticed(folder, tmp_path):
    """Changed: the film is at fault. Gone: it is received again."""
    film = tmp_path / "film"
    film.write_bytes(b"film")
    with pytest.raises(OutputMissing) as missing:
        folder.film()
    assert missing.value.steps == ("receive",)
    folder.write_note(note_of(film))
    assert folder.film().size == 4
    os.utime(film, (1, 1))
    with pytest.raises(BadRequest, match="changed"):
        folder.film()
    film.unlink()
    with pytest.raises(OutputMissing):
        folder.film()


def test_missing_files_name_the_step_to_run_again(folder):
    for call in (lambda: folder.require(folder.encoded / "x", "join/v240"), lambda: folder.read("x", "join/v240")):
        with pytest.raises(OutputMissing) as missing:
            call()
        assert missing.value.steps == ("join/v240",)


def test_folders_of_jobs_alone_are_deleted(tmp_path):
    folders = JobFolders(tmp_path / "work")
    folders.of(JOB).make()
    (folders.root / "other").mkdir()
    assert folders.delete_others([JOB]) == []
    assert folders.delete_others([]) == [JOB]
    assert (folders.root / "other").is_dir()


@pytest.mark.parametrize("name", ["../x", "job-1", "", "job-0123456789abcdef/.."])
def test_names_that_are_no_job(tmp_path, name):
    with pytest.raises(BadRequest):
        JobFolders(tmp_path / "work").of(name)


def test_a_root_that_cannot_be(tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(BadSettings):
        JobFolders(tmp_path / "file" / "work")
