"""Steps whose inputs are missing name what has to run again; the stories are in `test_local_runner`."""

import pytest

from kernel.errors import BadSettings
from origin.jobs.work.film_steps import FilmSteps, no_keys
from origin.jobs.work.job_folder import JobFolder
from origin.jobs.work.step_outcome import OutputMissing
from tests.origin.encode.plans import make_plan

PLAN = make_plan(20.0, size=(640, 360))


@pytest.fixture
def folder(tmp_path):
    made = JobFolder(tmp_path / "job")
    made.make()
    return made


@pytest.fixture
def steps():
    return FilmSteps(None, None, no_keys, lambda: 0.0)


def missing(call):
    with pytest.raises(OutputMissing) as found:
        call()
    return found.value.steps


def test_what_is_missing_is_named(steps, folder):
    chunks = tuple(f"video/h264/{chunk.index:04d}" for chunk in PLAN.chunks)
    assert missing(lambda: steps.join(PLAN, "v360", folder)) == chunks
    assert missing(lambda: steps.check(PLAN, folder)) == ("join/v240",)
    for rung in PLAN.rungs:
        rung.file(folder.encoded).write_bytes(b"x")
    assert missing(lambda: steps.thumbnails(PLAN, folder)) == ("audio/a_eng",)
    assert missing(lambda: steps.verify(folder)) == ("package",)


def test_a_rung_that_is_joined_needs_no_chunk(steps, folder):
    PLAN.rung("v360").file(folder.encoded).write_bytes(b"x")
    PLAN.rung("v360").chunk_file(folder.encoded, PLAN.chunks[0]).write_bytes(b"x")
    steps.join(PLAN, "v360", folder)
    assert [file.name for file in folder.encoded.iterdir()] == ["v360.mp4"]


def test_an_encrypted_title_without_a_key_server():
    with pytest.raises(BadSettings, match="key_server"):
        no_keys()
