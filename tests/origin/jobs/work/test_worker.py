"""A worker's loop against a queue that answers, is away, or has given the step to another."""

import asyncio
import threading

import pytest

from kernel.errors import BadRequest, StorageFailed
from origin.jobs.work.step_outcome import StepOutcome
from origin.jobs.work.worker import Worker
from tests.doubles.clock import FakeClock
from tests.origin.jobs.work.conftest import lease_of


class Queue:
    """A `LeaseSource` that notes what it is told."""

    def __init__(self, *leases):
        self.leases, self.told, self.away, self.held = list(leases), [], [], True

    def _note(self, word, lease, more=None):
        if word in self.away:
            self.away.remove(word)
            raise StorageFailed("away")
        self.told.append((word, lease.step.id) if more is None else (word, lease.step.id, more))

    async def lease(self):
        return self.leases.pop(0) if self.leases else None

    async def prepare(self, lease):
        self._note("prepare", lease)

    async def extend(self, lease, progress):
        self._note("extend", lease, progress)
        return self.held

    async def finish(self, lease, outcome):
        self._note("finish", lease)
        return True

    async def fail(self, lease, failure):
        self._note("fail", lease, failure.reason.value)
        return True

    async def release(self, lease):
        self._note("release", lease)


class Steps:
    """A `StepRunner` whose steps run until the test lets them go."""

    def __init__(self, error=None, *, waits=False):
        self.error, self.waits = error, waits
        self.started, self.go, self.ended = threading.Event(), threading.Event(), None

    def run(self, lease, report):
        self.started.set()
        report(0.5)
        try:
            while self.waits and not self.go.wait(0.001):
                report(0.5)
            if self.error:
                raise self.error
        except Exception as error:
            self.ended = error
            raise
        return StepOutcome()


async def work(queue, steps, clock=None, during=None):
    """Run a worker until it has been idle for a moment; `during` runs beside it, with the event that stops it."""
    clock, stopping = clock or FakeClock(real_timers=True), asyncio.Event()
    async with asyncio.timeout(10), asyncio.TaskGroup() as group:
        group.create_task(Worker(queue, steps, clock, stopping, idle_exit=0.0).run())
        if during:
            await during(stopping)
    return queue.told


async def started(steps):
    while not steps.started.is_set():
        await asyncio.sleep(0.001)


async def test_steps_one_after_another():
    told = await work(Queue(lease_of(number=1), lease_of(number=2)), Steps())
    assert told == [("prepare", "video/1"), ("finish", "video/1"), ("prepare", "video/2"), ("finish", "video/2")]


async def test_a_failure_is_told_with_its_reason():
    assert ("fail", "video/1", "film") in await work(Queue(lease_of()), Steps(BadRequest(422, "x", "bad")))


async def test_a_film_that_cannot_be_fetched_fails_the_step():
    queue = Queue(lease_of())
    queue.away = ["prepare"]
    assert ("fail", "video/1", "storage") in await work(queue, Steps())


async def test_the_result_waits_for_a_queue_that_is_away():
    queue = Queue(lease_of())
    queue.away = ["finish", "finish"]
    assert (await work(queue, Steps()))[-1] == ("finish", "video/1")


async def test_heartbeats_carry_the_progress_and_a_lost_lease_ends_the_step():
    queue, steps, clock = Queue(lease_of(seconds=8.0)), Steps(waits=True), FakeClock()

    async def during(_):
        await started(steps)
        await clock.advance(2.0)
        assert queue.told[-1] == ("extend", "video/1", 0.5)
        queue.held = False
        await clock.advance(2.0)

    told = await work(queue, steps, clock, during)
    assert type(steps.ended).__name__ == "StepStopped"
    assert {word for word, *_ in told} == {"prepare", "extend"}, "nothing is said of a step that is another's"


async def test_a_queue_that_stays_away_costs_the_lease():
    queue, steps, clock = Queue(lease_of(seconds=8.0)), Steps(waits=True), FakeClock()
    queue.away = ["extend"] * 9

    async def during(_):
        await started(steps)
        await clock.advance(6.0)
        assert not steps.ended, "the lease still holds"
        await clock.advance(2.0)

    await work(queue, steps, clock, during)
    assert steps.ended


async def test_a_worker_that_stops_gives_its_step_back():
    queue, steps = Queue(lease_of(), lease_of(number=2)), Steps(waits=True)

    async def during(stopping):
        await started(steps)
        stopping.set()

    assert await work(queue, steps, during=during) == [("prepare", "video/1"), ("release", "video/1")]


@pytest.mark.parametrize("error", [ZeroDivisionError("x"), RuntimeError("y")])
async def test_a_bug_ends_the_step_and_not_the_worker(error):
    queue = Queue(lease_of(), lease_of(number=2))
    told = await work(queue, Steps(error))
    assert [what for what in told if what[0] == "fail"] == [("fail", "video/1", "bug"), ("fail", "video/2", "bug")]
