"""Progress and the time left."""

from dataclasses import dataclass

import pytest

from origin.jobs.job_progress import UNPLANNED, job_progress
from origin.jobs.job_states import JobState, StepState


@dataclass
class Step:
    id: str
    state: StepState
    progress: float = 0.0
    weight: float = 1.0

    @property
    def kind(self):
        return self.id.partition("/")[0]


def test_before_the_plan_little_is_done():
    steps = [Step("receive", StepState.DONE), Step("probe", StepState.RUNNING, 0.5)]
    found = job_progress(JobState.TRANSCODING, steps, 0.0, 10.0)
    assert found.share == pytest.approx(0.75 * UNPLANNED)
    assert found.step == "probe"


def test_the_rest_takes_as_long_as_the_work_so_far():
    steps = [
        Step("receive", StepState.DONE),
        Step("video/v/0", StepState.RUNNING, 0.5, 2.0),
        Step("publish", StepState.WAITING),
    ]
    found = job_progress(JobState.TRANSCODING, steps, 100.0, 130.0)
    assert (found.share, found.step, found.eta) == (0.5, "video", 30.0)


def test_only_what_is_published_is_whole():
    steps = [Step("publish", StepState.DONE), Step("announce", StepState.RUNNING, 1.0)]
    assert job_progress(JobState.TRANSCODING, steps, 0.0, 1.0).share < 1
    assert job_progress(JobState.PUBLISHED, steps, 0.0, 1.0).share == 1
    failed = [Step("video/v/0", StepState.DEAD), Step("publish", StepState.CANCELLED)]
    assert job_progress(JobState.FAILED, failed, 0.0, 1.0).step == "video"
    assert job_progress(JobState.QUEUED, failed[:0], None, 1.0).eta is None
