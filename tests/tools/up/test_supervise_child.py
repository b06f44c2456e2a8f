"""The first moments of a supervised program."""

import os
import subprocess
import sys


def test_the_command_runs_when_the_supervisor_lives():
    argv = [sys.executable, "-P", "-m", "tools.up.supervise_child", str(os.getpid()), "--help"]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 0
    assert "usage: matinee" in done.stdout


def test_nothing_runs_when_the_supervisor_is_gone_already():
    argv = [sys.executable, "-P", "-m", "tools.up.supervise_child", "1" if os.getpid() != 1 else "2", "--help"]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=30, check=False)
    assert (done.returncode, done.stdout) == (1, "")
