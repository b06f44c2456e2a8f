"""Worker processes are started for work, replaced when they die, and ended."""

import asyncio
import os
import signal

import pytest

from origin.jobs.job_settings import WorkerOptions
from origin.jobs.work import local_workers
from origin.jobs.work.local_workers import LocalWorkers
from tests.doubles.clock import FakeClock

PROGRAMS = {"waits": "import sys, time\nsys.stdin.readline()\ntime.sleep(60)\n", "fails": "raise SystemExit(3)\n"}


def options(worker):
    texts = dict.fromkeys(WorkerOptions.__struct_fields__)
    return WorkerOptions(**texts | {"worker": worker, "parent": os.getpid()})


@pytest.fixture
async def workers(tmp_path, monkeypatch):
    """`workers(program)` → the supervisor of at most two of them, the names of lost ones, and how many steps wait."""
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setattr(local_workers, "PYTHON_OPTIONS", ())
    monkeypatch.setattr(local_workers, "MODULE", "a_worker")
    made = []

    def make(program):
        (tmp_path / "a_worker.py").write_text(PROGRAMS[program])
        lost, waiting = [], [1]

        async def count():
            return waiting[0]

        async def note(name):
            lost.append(name)

        made.append(LocalWorkers(options, 2, FakeClock(), count, note))
        return made[-1], lost, waiting

    yield make
    for one in made:
        await one.stop()


async def until_lost(supervisor, lost):
    async with asyncio.timeout(20):
        while not lost:
            await supervisor.collect_and_start()
            await asyncio.sleep(0.01)


async def test_as_many_as_there_is_work_for(workers):
    supervisor, _, waiting = workers("waits")
    for steps, running in ((0, 0), (1, 1), (1, 1), (5, 2), (5, 2)):
        waiting[0] = steps
        await supervisor.collect_and_start()
        assert len(supervisor.pids) == running


async def test_a_killed_worker_is_told_lost_and_replaced(workers):
    supervisor, lost, _ = workers("waits")
    await supervisor.collect_and_start()
    [(name, pid)] = supervisor.pids.items()
    os.kill(pid, signal.SIGKILL)
    await until_lost(supervisor, lost)
    assert lost == [name]
    supervisor.clock.move(1)
    await supervisor.collect_and_start()
    assert supervisor.pids
    assert name not in supervisor.pids


async def test_workers_that_die_at_once_are_started_less_and_less(workers):
    supervisor, lost, _ = workers("fails")
    await supervisor.collect_and_start()
    await until_lost(supervisor, lost)
    await supervisor.collect_and_start()
    assert supervisor.pids == {}, "not at once"
    supervisor.clock.move(1)
    await supervisor.collect_and_start()
    assert len(supervisor.pids) == 1


async def test_a_stop_ends_all(workers):
    supervisor, _, _ = workers("waits")
    await supervisor.collect_and_start()
    [pid] = supervisor.pids.values()
    await supervisor.stop()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
