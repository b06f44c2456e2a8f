"""No server of ours is ended by a signal that operators and their tools send for something else."""

import select
import signal
import subprocess
import sys

import pytest

PROGRAMS = {
    "control": ["--data", "{folder}/data", "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0", "--tls", "off"],
    "origin": ["--store", "{folder}/store", "--listen", "127.0.0.1:0"],
    "services": ["--data", "{folder}/data", "--listen", "127.0.0.1:0", "--insecure-dev", "--only", "catalogue"],
}


@pytest.mark.parametrize("program", PROGRAMS)
def test_hup_usr1_usr2_and_pipe_end_no_program(tmp_path, program):
    (tmp_path / "store").mkdir()
    flags = [flag.format(folder=tmp_path) for flag in PROGRAMS[program]]
    argv = [sys.executable, "-P", "-m", "tools.cli", program, *flags]
    process = subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        assert select.select([process.stdout], [], [], 60)[0]
        assert process.stdout.readline().startswith("ready"), process.communicate(timeout=5)
        for number in (signal.SIGHUP, signal.SIGUSR1, signal.SIGPIPE, signal.SIGUSR2):
            process.send_signal(number)
        assert select.select([process.stderr], [], [], 60)[0]
        while "SIGUSR2" not in process.stderr.readline():
            assert process.poll() is None
        process.terminate()
        assert process.wait(60) == 0
    finally:
        process.kill()
        process.communicate()
