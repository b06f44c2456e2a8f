"""Children: ready, restarted, stopped, never left behind."""

import asyncio
import os
import signal
import sys
from pathlib import Path

import pytest

from tools.up.supervise import Program, StartFailed, Supervisor, restart_delay


@pytest.fixture
def said():
    return []


def shell(tmp_path: Path, name: str, script: str) -> Program:
    return Program(name, ("sh", "-c", script), tmp_path / "logs" / f"{name}.log")


async def until(condition, within=10.0):
    async with asyncio.timeout(within):
        while not condition():
            await asyncio.sleep(0.01)


@pytest.mark.parametrize(("crashes", "seconds"), [(1, 0.5), (2, 1), (3, 2), (6, 16), (7, 30), (10_000, 30)])
def test_restarts_are_spaced_further_and_further_apart(crashes, seconds):
    assert restart_delay(crashes) == seconds


async def test_a_started_program_is_ready_and_gone_after_the_block(tmp_path, said, alive):
    program = shell(tmp_path, "calm", "echo hello >&2; echo ready calm http://127.0.0.1:1; exec sleep 600")
    async with Supervisor(said.append, drain=5) as supervisor:
        await supervisor.start([program], within=10)
        pid = supervisor.pids["calm"]
        assert alive(pid)
        await until(lambda: "hello" in program.log.read_text())
    assert not alive(pid)
    assert said == []
    assert program.log.stat().st_mode & 0o077 == 0


async def test_a_program_that_stops_before_it_is_ready_fails_the_start_with_its_log(tmp_path, said, alive):
    program = shell(tmp_path, "broken", "echo no such folder >&2; exit 3")
    other = shell(tmp_path, "other", "echo ready; exec sleep 600")
    pids = {}

    async def start_both():
        async with Supervisor(said.append, drain=5) as supervisor:
            await supervisor.start([other], within=10)
            pids.update(supervisor.pids)
            await supervisor.start([program], within=10)

    with pytest.raises(StartFailed, match=r"broken stopped before it was ready \(exit code 3\)[^$]*no such folder"):
        await start_both()
    assert not alive(pids["other"])


async def test_a_program_that_never_says_ready_fails_the_start_in_time(tmp_path, said):
    async with Supervisor(said.append, drain=5) as supervisor:
        with pytest.raises(StartFailed, match="was not ready within"):
            await supervisor.start([shell(tmp_path, "mute", "exec sleep 600")], within=0.1)
    assert supervisor.pids == {}


async def test_a_program_that_is_not_there_fails_the_start_by_name(tmp_path, said):
    async with Supervisor(said.append, drain=5) as supervisor:
        with pytest.raises(StartFailed, match="ghost cannot be started"):
            await supervisor.start([Program("ghost", (str(tmp_path / "nothing"),), tmp_path / "g.log")], within=5)


async def test_a_crashed_program_is_started_again_and_loudly_so(tmp_path, said):
    program = shell(tmp_path, "shaky", "echo ready; exec sleep 600")
    async with Supervisor(said.append, drain=5) as supervisor:
        await supervisor.start([program], within=10)
        first = supervisor.pids["shaky"]
        os.kill(first, signal.SIGKILL)
        await until(lambda: supervisor.pids.get("shaky", first) != first)
    assert "shaky ended unexpectedly (signal SIGKILL); restarting it in 0.5 s" in said[0]
    assert str(program.log) in said[1]


async def test_a_crash_is_seen_though_a_grandchild_holds_the_output(tmp_path, said):
    async with Supervisor(said.append, drain=5) as supervisor:
        await supervisor.start([shell(tmp_path, "parent", "echo ready; sleep 600 & wait")], within=10)
        first = supervisor.pids["parent"]
        os.kill(first, signal.SIGKILL)
        await until(lambda: said)
        assert "parent ended unexpectedly" in said[0]


async def test_what_ignores_sigterm_is_killed_with_its_children(tmp_path, said, alive):
    pids = tmp_path / "pids"
    script = f"trap '' TERM; sleep 600 & echo $! > {pids}; echo ready; while :; do wait; done"
    async with Supervisor(said.append, drain=-1.9) as supervisor:  # the grace of two seconds, cut short
        await supervisor.start([shell(tmp_path, "deaf", script)], within=10)
        leader, grandchild = supervisor.pids["deaf"], int(pids.read_text())
    await until(lambda: not alive(leader) and not alive(grandchild))
    assert "deaf did not stop" in said[-1]


async def test_the_last_started_is_stopped_first(tmp_path, said):
    order = tmp_path / "order"
    script = "trap 'echo {0} >> {1}; exit 0' TERM; echo ready; sleep 600 & wait"
    async with Supervisor(said.append, drain=5) as supervisor:
        for name in ("origin", "shield", "edge"):
            await supervisor.start([shell(tmp_path, name, script.format(name, order))], within=10)
    assert order.read_text().split() == ["edge", "shield", "origin"]


async def test_kill_ends_everything_at_once(tmp_path, said, alive):
    async with Supervisor(said.append, drain=60) as supervisor:
        await supervisor.start(
            [shell(tmp_path, "deaf", "trap '' TERM; echo ready; while :; do sleep 600; done")], within=10
        )
        pid = supervisor.pids["deaf"]
        supervisor.kill()
    assert not alive(pid)


async def test_a_restart_keeps_the_log_of_the_run_before(tmp_path, said):
    program = shell(tmp_path, "twice", "echo $$ >&2; echo ready; exec sleep 600")
    for _ in range(2):
        async with Supervisor(said.append, drain=5) as supervisor:
            await supervisor.start([program], within=10)
    assert program.log.read_text() != program.log.with_name("twice.log.1").read_text()


CHILD = (
    "from tools.up.supervise_child import die_with_parent; import signal, sys; die_with_parent(int(sys.argv[1])); {}"
)
PARENT = """
import os, subprocess, sys, signal
child = subprocess.Popen([sys.executable, "-P", "-c", sys.argv[1], str(os.getpid())], stdout=subprocess.PIPE)
child.stdout.readline()
print(child.pid, flush=True)
signal.pause()
"""


async def test_a_killed_supervisor_leaves_no_child(alive):
    code = CHILD.format("print('ready', flush=True); signal.pause()")
    parent = await asyncio.create_subprocess_exec(
        sys.executable, "-P", "-c", PARENT, code, stdout=asyncio.subprocess.PIPE
    )
    child = int(await parent.stdout.readline())
    assert alive(child)
    parent.kill()
    await parent.wait()
    await until(lambda: not alive(child))


async def test_a_program_that_is_held_down_starts_again_when_the_outage_ends(tmp_path, said, alive):
    program, down, pids = shell(tmp_path, "edge", "echo ready; exec sleep 600"), {"edge"}, []
    supervisor = Supervisor(
        said.append, drain=5, on_pids=lambda now: pids.append(dict(now)), is_held_down=down.__contains__
    )
    async with supervisor:
        await supervisor.start([program], within=10)
        first = supervisor.pids["edge"]
        assert pids[-1] == {"edge": first}
        os.kill(first, signal.SIGKILL)
        await until(lambda: any("held down" in line for line in said))
        assert pids[-1] == {}
        down.clear()
        await until(lambda: supervisor.pids)
        assert supervisor.pids["edge"] != first
        assert pids[-1] == supervisor.pids
    assert pids[-1] == {}
