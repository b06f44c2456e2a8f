"""Which files a step makes."""

import pytest

from origin.jobs.job_graph import Step, StepKind, job_steps
from origin.jobs.work.encode_steps import EncodeTools, files_of, run_encode_step
from tests.origin.encode.plans import make_plan

PLAN = make_plan(20.0, size=(640, 360))
STEPS = {step.id: step for step in job_steps(PLAN)}


def test_every_encoded_file_has_one_step():
    names = [name for step in STEPS.values() for name in files_of(PLAN, step)]
    assert len(names) == len(set(names)) == len(PLAN.rungs) * len(PLAN.chunks) + len(PLAN.audio)
    assert all("/" not in name for name in names)


@pytest.mark.parametrize("there", ["chunks", "joined"])
def test_what_is_there_is_not_made_again(tmp_path, there):
    """A chunk is there itself, or as part of its rungs' files."""
    step = STEPS["video/h264/0001"]
    for rung in PLAN.rungs:
        file = rung.file(tmp_path) if there == "joined" else rung.chunk_file(tmp_path, PLAN.chunks[1])
        file.write_bytes(b"x")
    made = run_encode_step(EncodeTools(None), PLAN, step, None, tmp_path, lambda _: None)
    assert [file.name for file in made] == list(files_of(PLAN, step))


def test_other_steps_make_no_file_of_the_plan(tmp_path):
    assert files_of(PLAN, STEPS["check"]) == ()
    with pytest.raises(KeyError):
        run_encode_step(
            EncodeTools(None), PLAN, Step("a", StepKind.AUDIO, track="a_xx"), None, tmp_path, lambda _: None
        )
