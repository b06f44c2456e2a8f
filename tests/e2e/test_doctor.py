"""The doctor finds a running platform well, and says who is not."""

import os
import signal
import subprocess
import sys


def doctor(platform):
    command = [sys.executable, "-P", "-m", "tools.cli", "doctor", "--port", str(platform.plan.addresses.port)]
    command += ["--state", str(platform.plan.state)]
    # As wide as the longest line: a table that wraps splits what is looked for.
    wide = os.environ | {"COLUMNS": "400"}
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, env=wide)


def test_a_running_platform_is_well(platform):
    done = doctor(platform)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"running (process {platform.process.pid})" in " ".join(done.stdout.split())
    for name in ("origin", "control", "shield", "edge1", "edge2", "services"):
        assert name in done.stdout


def test_a_program_that_hangs_is_named(platform):
    origin = platform.pid_at("127.0.0.1", platform.plan.addresses.port + 3)
    os.kill(origin, signal.SIGSTOP)
    try:
        done = doctor(platform)
    finally:
        os.kill(origin, signal.SIGCONT)
    assert done.returncode == 1
    assert "does not respond" in " ".join(done.stdout.split())
    assert "origin.log" in done.stdout
