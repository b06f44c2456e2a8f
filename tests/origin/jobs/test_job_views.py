"""What the API reads from the queue."""

import pytest

from origin.jobs.job_graph import StepKind
from origin.jobs.job_states import JobState


async def test_what_stands_still_is_alerted_once(stage):
    """A step without progress, and one that no worker takes."""
    await stage.add("a")
    await stage.add("b")
    lease = await stage.lease()
    for _ in range(9):
        stage.now += 9
        assert await stage.queue.extend(lease.token, 0.25, stage.now)
    assert await stage.views.raise_stuck("home", stage.now, 60) == 2
    assert await stage.views.raise_stuck("home", stage.now, 60) == 0
    assert {one.kind for one in await stage.views.list_alerts(0, 10)} == {"step-stuck", "job-waiting"}
    assert await stage.views.raise_stuck("other", stage.now, 60) == 0


@pytest.mark.parametrize("kind", [StepKind.RECEIVE, StepKind.VIDEO])
async def test_the_views_of_a_running_job(stage, kind):
    job = await stage.add()
    lease = await stage.run(until=kind, worker="w7")
    await stage.queue.extend(lease.token, 0.5, stage.now)
    [view] = await stage.views.list_jobs([JobState.TRANSCODING], 10)
    [running] = [step for step in view.steps if step.state == "running"]
    assert (view.job_id, running.id, running.worker, running.progress) == (job, lease.step.id, "w7", 0.5)
    assert [one.worker for one in await stage.views.list_workers(0)] == ["w7"]
    assert await stage.views.list_jobs([JobState.FAILED], 10) == []
    assert await stage.views.count_jobs() == {JobState.TRANSCODING: 1}
    assert (await stage.views.active_job("film")).job_id == job
