"""The graph of steps that follows from a plan."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from origin.jobs.job_graph import StepKind, first_steps, job_steps
from origin.jobs.queue_rows import dependants
from tests.origin.jobs.conftest import Chunk, Shape, Track


def test_a_small_film():
    steps = {step.id: step for step in job_steps(Shape())}
    assert list(steps) == [
        *("audio/a_eng", "video/h264/0000", "video/h264/0001", "join/v240", "join/v360"),
        *("check", "thumbnails", "package", "verify", "publish", "announce"),
    ]
    assert steps["join/v240"].needs == ("video/h264/0000", "video/h264/0001")
    assert steps["check"].needs == ("join/v240", "join/v360", "audio/a_eng")
    assert steps["package"].needs == ("check", "thumbnails")
    assert steps["video/h264/0000"].weight == pytest.approx(2 * steps["video/h264/0001"].weight)


def test_the_chunks_of_a_group_are_needed_by_its_rungs_alone():
    rungs = (Track("v240"), Track("v240hevc", "hevc", 8, 4))
    steps = {step.id: step for step in job_steps(Shape(rungs))}
    assert steps["join/v240hevc"].needs == ("video/hevc/0000", "video/hevc/0001")
    assert steps["video/hevc/0000"].weight == pytest.approx(4 * steps["video/h264/0000"].weight)


@given(st.integers(1, 6), st.integers(1, 3), st.integers(1, 20), st.integers(0, 4), st.integers(0, 4))
def test_every_graph_can_be_run(rungs, groups, chunks, audio, text):
    """Every id is unique, each need comes before the step, and `announce` depends on every other step."""
    shape = Shape(
        tuple(Track(f"v{number}", f"g{number % groups}") for number in range(rungs)),
        (Chunk(10),) * chunks,
        tuple(Track(f"a{number}") for number in range(audio)),
        tuple(Track(f"t{number}") for number in range(text)),
    )
    steps = [*first_steps(), *job_steps(shape)]
    seen = set()
    for step in steps:
        assert set(step.needs) <= seen
        assert step.weight > 0
        seen.add(step.id)
    assert len(seen) == len(steps) == 2 + rungs + min(rungs, groups) * chunks + audio + text + 6
    edges = [(step.id, need) for step in steps for need in step.needs]
    assert all(StepKind.ANNOUNCE in dependants(edges, [step.id]) for step in steps)
