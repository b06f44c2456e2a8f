"""The queue's stories, on SQLite and on PostgreSQL."""

import asyncio

import pytest

from kernel.errors import Overloaded
from kernel.vocabulary import OverloadReason
from origin.jobs.job_graph import REMOTE_KINDS, StepKind
from origin.jobs.job_states import ContentStatus, JobState
from origin.jobs.retry_policy import FailureReason


async def test_a_job_runs_from_the_upload_to_the_publication(stage):
    """Each step once, in an order that its needs allow; title and job follow."""
    job = await stage.add(title="A Film", metadata={"year": 1999})
    assert (await stage.views.content("film")).status is ContentStatus.QUEUED
    order = []
    while (lease := await stage.lease()) is not None:
        assert set(lease.step.needs) <= set(order)
        assert bytes(lease.plan) in (b"null", b'{"p":1}')
        order.append(lease.step.id)
        if lease.step.kind is StepKind.PACKAGE:
            assert (await stage.views.content("film")).status is ContentStatus.TRANSCODING
        assert await stage.finish(lease)
    assert order[:2] == ["receive", "probe"]
    assert order[-4:] == ["package", "verify", "publish", "announce"]
    assert len(order) == len(set(order)) == len((await stage.views.job(job)).steps) == 13
    done = await stage.views.job(job)
    assert (done.state, done.reason, done.finished) == (JobState.PUBLISHED, None, stage.now)
    assert (await stage.views.content("film")).status is ContentStatus.PUBLISHED
    assert (await stage.views.content("film")).metadata == {"year": 1999}


async def test_a_step_is_leased_once_however_many_ask(stage):
    """Eight workers ask at the same moment: three chunks and tracks, three different leases."""
    await stage.add()
    await stage.finish(await stage.lease())
    await stage.finish(await stage.lease())
    leases = await asyncio.gather(*(stage.lease(f"w{number}") for number in range(8)))
    held = [lease.step.id for lease in leases if lease is not None]
    assert len(held) == len(set(held)) == 3
    assert await asyncio.gather(*(stage.finish(lease) for lease in leases if lease)) == [True] * 3
    assert sorted([(await stage.lease()).step.id, (await stage.lease()).step.id]) == ["join/v240", "join/v360"]


async def test_a_silent_worker_loses_its_step_and_its_late_result_is_dropped(stage):
    """The lease ends when heartbeats do; whoever comes back with the old token changes nothing."""
    job = await stage.add()
    first = await stage.lease("w1")
    stage.now += 8
    assert await stage.queue.extend(first.token, 0.5, stage.now)
    stage.now += 8
    assert await stage.lease("w2") is None, "the heartbeat extended the lease"
    stage.now += 3
    second = await stage.lease("w2")
    assert (second.step.id, second.attempt) == ("receive", 2)
    assert not await stage.queue.extend(first.token, 0.9, stage.now)
    assert not await stage.finish(first)
    assert not await stage.fail(first)
    assert not await stage.queue.release(first.token, stage.now)
    assert (await stage.states(job))["receive"] == "running"
    assert await stage.finish(second)


async def test_a_failing_step_is_tried_later_and_later_and_then_is_dead(stage):
    """Back-off between attempts, an alert at the third, and the job ends with the reason of the step."""
    job = await stage.add()
    for pause in (1, 3):
        await stage.fail(await stage.lease())
        assert await stage.lease() is None
        stage.now += pause
    await stage.fail(await stage.lease())
    view = await stage.views.job(job)
    assert (view.state, view.reason, view.detail) == (JobState.FAILED, "encoder", "why")
    assert await stage.states(job) == {"receive": "dead", "probe": "cancelled"}
    content = await stage.views.content("film")
    assert (content.status, content.reason) == (ContentStatus.FAILED, "why")
    [alert] = await stage.views.list_alerts(0, 10)
    assert (alert.kind, alert.job_id, alert.detail) == ("job-failed", job, "receive: why")


async def test_a_film_at_fault_is_not_tried_again(stage):
    await stage.add()
    await stage.fail(await stage.lease(), FailureReason.FILM)
    assert (await stage.views.content("film")).status is ContentStatus.FAILED


async def test_a_step_that_kills_its_workers_ends(stage):
    """Losses count apart from failures, and alert too."""
    job = await stage.add()
    for number in range(4):
        stage.now += 100
        assert await stage.lease(f"w{number}") is not None
        assert await stage.queue.count_lost(f"w{number}", stage.now) == 1
    assert (await stage.views.job(job)).reason == "worker-lost"
    assert [one.kind for one in await stage.views.list_alerts(0, 10)] == ["step-failing", "job-failed"]


async def test_killed_encoders_do_not_use_up_the_attempts_of_a_step(stage):
    """A step was dead after two kills of the packager, with `bug` as the reason."""
    await stage.add()
    for ended in (False, False, False, True):  # a film that kills every program ends all the same
        stage.now += 100
        await stage.fail(await stage.lease(), FailureReason.PROGRAM_KILLED)
        assert ((await stage.views.content("film")).status is ContentStatus.FAILED) == ended


async def test_workers_of_an_origin_that_was_killed_are_lost_at_once(stage):
    await stage.add()
    await stage.lease("w1")
    await stage.queue.lease("remote", "elsewhere", REMOTE_KINDS, stage.now)
    assert await stage.queue.count_lost_at_home(stage.now) == 1
    assert (await stage.lease("w2")).step.id == "receive"


async def test_a_worker_that_stops_gives_its_step_back_untouched(stage):
    await stage.add()
    assert await stage.queue.release((await stage.lease()).token, stage.now)
    assert (await stage.lease("w2")).attempt == 1


async def test_a_failed_job_is_retried_with_what_is_done_kept(stage):
    """Only the dead step and those that were cancelled with it run again."""
    job = await stage.add()
    await stage.fail(await stage.run(until=StepKind.PACKAGE), FailureReason.FILM)
    assert (await stage.states(job))["video/h264/0000"] == "done"
    assert await stage.queue.retry(job, stage.now) is JobState.QUEUED
    assert (await stage.views.content("film")).status is ContentStatus.QUEUED
    assert (await stage.lease()).step.id == "package"
    assert await stage.queue.retry(job, stage.now) is JobState.TRANSCODING, "nothing to retry"
    assert await stage.queue.retry("job-none", stage.now) is None


async def test_cancelling_ends_the_leases(stage):
    job = await stage.add()
    lease = await stage.run(until=StepKind.VIDEO)
    assert await stage.queue.cancel(job, stage.now) is JobState.CANCELLED
    assert not await stage.queue.extend(lease.token, 0.5, stage.now)
    assert await stage.lease() is None
    assert await stage.queue.cancel(job, stage.now) is JobState.CANCELLED
    content = await stage.views.content("film")
    assert (content.status, content.reason) == (ContentStatus.FAILED, "The job was cancelled.")


async def test_a_missing_output_is_made_again(stage):
    """The step that misses it waits; what depends on the output is done anew, the rest is kept."""
    job = await stage.add()
    lease = await stage.run(until=StepKind.VERIFY)
    assert await stage.fail(lease, FailureReason.STORAGE, redo=("join/v240",))
    states = await stage.states(job)
    again = {name for name, state in states.items() if state in ("ready", "waiting")}
    assert again == {"join/v240", "check", "thumbnails", "package", "verify", "publish", "announce"}
    assert states["join/v240"] == "ready"
    assert await stage.run() is None
    assert (await stage.views.job(job)).state is JobState.PUBLISHED


async def test_a_title_that_could_not_be_announced_is_published(stage):
    job = await stage.add()
    await stage.fail(await stage.run(until=StepKind.ANNOUNCE), FailureReason.FILM)
    assert (await stage.views.job(job)).state is JobState.PUBLISHED
    assert [one.kind for one in await stage.views.list_alerts(0, 10)] == ["step-dead"]


async def test_jobs_of_one_title_run_one_after_another_and_urgent_ones_first(stage):
    first = await stage.add("a")
    await stage.add("a")
    urgent = await stage.add("b", priority=9)
    assert [(await stage.lease()).job_id, (await stage.lease()).job_id] == [urgent, first]
    assert await stage.lease() is None
    await stage.queue.cancel(first, stage.now)
    assert (await stage.lease()).request.content_id == "a"


async def test_an_earlier_publication_stays_when_a_later_job_fails(stage):
    """Viewers play what was published; the second job keeps its reason for itself."""
    await stage.add()
    assert await stage.run() is None
    again = await stage.add()
    assert (await stage.views.content("film")).status is ContentStatus.QUEUED
    await stage.fail(await stage.lease(), FailureReason.FILM)
    content = await stage.views.content("film")
    assert (content.status, content.reason) == (ContentStatus.PUBLISHED, None)
    assert (await stage.views.job(again)).detail == "why"


async def test_a_title_is_failed_only_when_its_last_job_is(stage):
    first, second = await stage.add(), await stage.add()
    await stage.lease()
    await stage.queue.cancel(second, stage.now)
    assert (await stage.views.content("film")).status is ContentStatus.TRANSCODING
    await stage.queue.cancel(first, stage.now)
    assert (await stage.views.content("film")).status is ContentStatus.FAILED


async def test_a_remote_worker_gets_only_what_needs_no_folder_of_this_host(stage):
    await stage.add()
    assert await stage.lease("far", REMOTE_KINDS) is None
    await stage.finish(await stage.lease())
    await stage.finish(await stage.lease())
    kinds = {(await stage.lease("far", REMOTE_KINDS)).step.kind for _ in range(3)}
    assert kinds == {StepKind.VIDEO, StepKind.AUDIO}


async def test_records_of_ended_jobs_go(stage):
    job = await stage.add()
    await stage.run()
    kept = await stage.add("other")
    stage.now += 10
    assert await stage.queue.delete_ended(stage.now) == [job]
    assert await stage.views.job(job) is None
    assert (await stage.views.job(kept)).steps
    assert (await stage.views.content("film")).status is ContentStatus.PUBLISHED


async def test_a_full_queue_refuses_jobs_until_one_ends(stage, monkeypatch):
    """Neither a new job nor a retry gets in; the refused title leaves no trace. Jobs that ended do not count."""
    monkeypatch.setattr("origin.jobs.queue.MAX_ACTIVE_JOBS", 2)
    job = await stage.add("a")
    await stage.add("b")
    with pytest.raises(Overloaded) as refused:
        await stage.add("c")
    assert refused.value.reason is OverloadReason.JOBS_WAITING
    assert await stage.views.content("c") is None
    await stage.queue.cancel(job, stage.now)
    await stage.add("c")
    with pytest.raises(Overloaded):
        await stage.queue.retry(job, stage.now)
    assert (await stage.views.job(job)).state is JobState.CANCELLED
