"""The program as it is started: ready line, signals, wrong settings."""

import json
import signal
import socket
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
    with urlopen(f"{line[2]}/healthz", timeout=30) as answer:
        assert json.load(answer) == {"status": "ok"}
    with urlopen(f"{line[2]}/readyz", timeout=30) as answer:
        assert json.load(answer) == {"status": "ready"}
    process.send_signal(signal.SIGTERM)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 0
    assert all(json.loads(text) for text in err.splitlines())


def test_a_port_in_use_stops_it_with_the_setting_named(program):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        process = program("--listen", f"127.0.0.1:{taken.getsockname()[1]}", "--only", "catalogue")
        _, err = process.communicate(timeout=60)
    assert process.returncode == 2
    assert "setting `listen`" in err.splitlines()[-1]
    assert "Traceback" not in err
