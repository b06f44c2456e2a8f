"""Servers that a benchmark starts: found, measured from outside, ended whatever happens."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tools.bench.processes import BenchFailed, alone, cores, cpu_seconds, free_port, on_core, started, tree, workers_of

LISTEN = "import socket, sys; s = socket.create_server(('127.0.0.1', int(sys.argv[1]))); "


def server(port, then="s.accept(); s.accept()"):
    return [sys.executable, "-c", LISTEN + then, str(port)]


def is_running(pid):
    return Path(f"/proc/{pid}").exists()


def test_the_cpu_clock_of_a_process_counts_what_it_burns():
    before = cpu_seconds(os.getpid()), time.process_time()
    sum(range(200_000))
    after = cpu_seconds(os.getpid()), time.process_time()
    assert after[0] > before[0]
    assert before[0] <= before[1] <= after[0] <= after[1]


def test_the_cpu_of_another_process_is_what_stat_tells_in_ticks():
    child = subprocess.Popen([sys.executable, "-c", "sum(range(3_000_000)); input()"], stdin=subprocess.PIPE)
    try:
        while cpu_seconds(child.pid) < 0.03:
            os.sched_yield()
        child.send_signal(signal.SIGSTOP)
        os.waitid(os.P_PID, child.pid, os.WSTOPPED)
        user, system = Path(f"/proc/{child.pid}/stat").read_text().rpartition(")")[2].split()[11:13]
        told = (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")
        assert told <= cpu_seconds(child.pid) + 0.001 < told + 0.03
    finally:
        child.kill()
        child.wait()
        child.stdin.close()


def test_a_process_that_is_gone_is_named():
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    with pytest.raises(BenchFailed, match=str(child.pid)):
        cpu_seconds(child.pid)


def test_a_tree_is_the_process_and_all_below_it():
    assert set(tree(5, {6: 5, 7: 6, 8: 1, 9: 7})) == {5, 6, 7, 9}
    assert os.getpid() in tree(os.getppid())


def test_workers_are_found_by_their_title():
    child = subprocess.Popen(["sleep", "30"])
    try:
        while not workers_of(os.getpid(), "sleep"):
            os.sched_yield()
        assert workers_of(os.getpid(), "sleep") == (child.pid,)
        assert workers_of(os.getpid(), "nginx: worker") == ()
    finally:
        child.kill()
        child.wait()


def test_a_server_runs_within_the_block_and_on_its_core(tmp_path):
    core = cores()[0] if cores() else None
    port = free_port()
    with started(server(port), port=port, log=tmp_path / "log", core=core) as pid:
        assert is_running(pid)
        assert core is None or os.sched_getaffinity(pid) == {core}
    assert not is_running(pid)


def test_a_server_that_ignores_sigterm_is_killed(tmp_path, monkeypatch):
    monkeypatch.setattr("tools.bench.processes.STOP_WITHIN", 0.1)
    port = free_port()
    deaf = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); " + LISTEN + "s.accept(); s.accept()"
    with started([sys.executable, "-c", deaf, str(port)], port=port, log=tmp_path / "log") as pid:
        pass
    assert not is_running(pid)


def test_a_server_that_does_not_start_is_told_with_its_last_words(tmp_path):
    command = [sys.executable, "-c", "raise SystemExit('the reason')"]
    with pytest.raises(BenchFailed, match="the reason"), started(command, port=free_port(), log=tmp_path / "log"):
        pass


def test_placement_ends_with_the_block():
    before = os.sched_getaffinity(0)
    with on_core(min(before)):
        assert os.sched_getaffinity(0) == {min(before)}
    assert os.sched_getaffinity(0) == before


def test_two_benchmarks_at_once_know_of_each_other(tmp_path):
    with alone(tmp_path / "lock") as first, alone(tmp_path / "lock") as second:
        assert (first, second) == (True, False)
    with alone(tmp_path / "lock") as again:
        assert again
