"""Real processes: whoever reads 200 at `/readyz` may call at every door of the program, from that moment on."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.request import urlopen

import pytest

from tests.e2e.ports import free_port

WITHIN = 30.0
PROGRAMS = {
    "control": (
        "--tls",
        "required",
        "--listen",
        "{a}",
        "--admin",
        "{b}",
        "--enrol-listen",
        "{c}",
        "--data",
        "{folder}",
    ),
    "origin": ("--listen", "{b}", "--store", "{folder}"),
    "services": ("--listen", "{b}", "--data", "{folder}", "--insecure-dev"),
    "edge": ("--id", "e", "--listen", "{a}", "--admin", "{b}", "--upstream", "http://127.0.0.1:1", "--tokens", "off"),
    "shield": ("--id", "s", "--listen", "{a}", "--admin", "{b}", "--upstream", "http://127.0.0.1:1"),
}


def status_of(url: str) -> int:
    try:
        with urlopen(url, timeout=5) as answer:
            return answer.status
    except HTTPError as error:
        return error.code
    except (URLError, OSError):
        return 0


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_program_that_is_ready_serves_at_all_its_doors(name: str, tmp_path: Path) -> None:
    """Control used to say so before its gRPC and enrolment listeners were open."""
    doors = {letter: f"127.0.0.1:{free_port()}" for letter in "abc"}
    given = [text.format(folder=tmp_path / "data", **doors) for text in PROGRAMS[name]]
    open_doors = [place for letter, place in doors.items() if f"{{{letter}}}" in PROGRAMS[name]]
    environment = {**os.environ, "PYTHONPATH": str(Path.cwd())}
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", "tools.cli", name, *given],
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=environment,
    )  # fmt: skip
    try:
        deadline = time.monotonic() + WITHIN
        while (status := status_of(f"http://{doors['b']}/readyz")) != 200:
            assert status in (0, 503), status
            assert process.poll() is None
            assert time.monotonic() < deadline, f"{name} is not ready"
        for place in open_doors:
            host, _, port = place.rpartition(":")
            socket.create_connection((host, int(port)), timeout=5).close()
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line.startswith(f"ready {name} ")
        assert all(place in line for place in open_doors)
        process.send_signal(signal.SIGTERM)
        assert process.wait(WITHIN) == 0
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        process.communicate()
