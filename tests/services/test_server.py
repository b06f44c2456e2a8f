"""The program as it is started: ready line, signals, wrong settings."""

import json
import signal
import subprocess
import sys
from urllib.request import urlopen

import pytest


@pytest.fixture
def program(tmp_path):
    started = []

    def start(*flags):
        argv = [sys.executable, "-m", "tools.cli", "services", "--data", str(tmp_path / "data"), *flags]
        started.append(subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True))
        return started[-1]

    yield start
    for process in started:
        if process.poll() is None:
            process.kill()
        process.communicate()


def test_it_says_ready_answers_and_stops_cleanly(program):
    process = program("--listen", "127.0.0.1:0", "--insecure-dev")
    line = process.stdout.readline().split()
    assert line[:2] == ["ready", "services"]
    with urlopen(f"{line[2]}/healthz", timeout=10) as answer:
        assert json.load(answer) == {"status": "ok"}
    process.send_signal(signal.SIGTERM)
    _, err = process.communicate(timeout=20)
    assert process.returncode == 0
    assert all(json.loads(text) for text in err.splitlines())


def test_a_port_in_use_and_an_impossible_setting_stop_it_with_a_name(program):
    process = program("--listen", "127.0.0.1:0", "--insecure-dev", "--only", "catalogue")
    address = process.stdout.readline().split()[2].removeprefix("http://")
    second = program("--listen", address, "--only", "catalogue")
    _, err = second.communicate(timeout=20)
    assert second.returncode == 2
    assert "setting `listen`" in err.splitlines()[-1]
    third = program("--listen", "0.0.0.0:0", "--insecure-dev")
    _, err = third.communicate(timeout=20)
    assert third.returncode == 2
    assert "insecure_dev" in err
    assert "Traceback" not in err
