"""The tables of states: what leads where, and that nothing else happens."""

import pytest

from kernel.errors import Bug
from origin.jobs.job_states import (
    CONTENT_TRANSITIONS,
    ENDED_JOBS,
    ENDED_STEPS,
    JOB_TRANSITIONS,
    STEP_TRANSITIONS,
    ContentEvent,
    ContentStatus,
    JobEvent,
    JobState,
    StepEvent,
    StepState,
    diagram,
    next_state,
)


@pytest.mark.parametrize(
    ("transitions", "start", "events", "end"),
    [
        (JOB_TRANSITIONS, JobState.QUEUED, "step-leased step-leased all-done", JobState.PUBLISHED),
        (JOB_TRANSITIONS, JobState.QUEUED, "step-leased step-dead retry cancel", JobState.CANCELLED),
        (STEP_TRANSITIONS, StepState.WAITING, "needs-met leased failed leased finished", StepState.DONE),
        (STEP_TRANSITIONS, StepState.READY, "leased lease-expired leased given-up", StepState.DEAD),
        (STEP_TRANSITIONS, StepState.READY, "leased released cancel reset", StepState.WAITING),
        (CONTENT_TRANSITIONS, ContentStatus.UPLOADING, "job-queued job-started published", ContentStatus.PUBLISHED),
        (CONTENT_TRANSITIONS, ContentStatus.PUBLISHED, "job-queued replacement-ended", ContentStatus.PUBLISHED),
        (CONTENT_TRANSITIONS, ContentStatus.UPLOADING, "upload-ended job-queued", ContentStatus.QUEUED),
    ],
)
def test_paths(transitions, start, events, end):
    event_type = {JobState: JobEvent, StepState: StepEvent, ContentStatus: ContentEvent}[type(start)]
    state = start
    for event in events.split():
        state = next_state(transitions, state, event_type(event))
    assert state is end


def test_an_event_out_of_place_is_a_bug():
    with pytest.raises(Bug, match="all-done cannot happen in the state QUEUED"):
        next_state(JOB_TRANSITIONS, JobState.QUEUED, JobEvent.ALL_DONE)


@pytest.mark.parametrize(
    ("transitions", "start"),
    [
        (JOB_TRANSITIONS, JobState.QUEUED),
        (STEP_TRANSITIONS, StepState.WAITING),
        (CONTENT_TRANSITIONS, ContentStatus.UPLOADING),
    ],
)
def test_every_state_is_reached_and_no_film_is_stuck(transitions, start):
    """From each state there is a way to an end: nothing can wait for ever for want of a transition."""

    def reach(state):
        found, left = {state}, [state]
        while left:
            now = left.pop()
            new = {new for (old, _), new in transitions.items() if old is now} - found
            found |= new
            left += new
        return found

    ends = {*ENDED_JOBS, *ENDED_STEPS, ContentStatus.PUBLISHED, ContentStatus.FAILED}
    assert reach(start) == set(type(start))
    assert all(reach(state) & ends for state in type(start))


def test_the_diagram_is_drawn_from_the_table():
    lines = diagram(JOB_TRANSITIONS, ENDED_JOBS).splitlines()
    assert lines[:2] == ["stateDiagram-v2", "    [*] --> QUEUED"]
    assert "    TRANSCODING --> PUBLISHED: all-done" in lines
    assert len(lines) == 2 + len(JOB_TRANSITIONS) + len(ENDED_JOBS)
