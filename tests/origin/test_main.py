"""`matinee origin` as a process."""

import os
import signal
import subprocess
import sys
import urllib.request

import pytest


@pytest.fixture
def origin(pytestconfig):
    """`origin(arguments)` → the started process."""
    started = []

    def start(*arguments):
        command = [sys.executable, "-P", "-m", "tools.cli", "origin", *map(str, arguments)]
        started.append(
            subprocess.Popen(
                command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=pytestconfig.rootpath
            )
        )
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.communicate()


def test_it_says_ready_serves_and_stops(origin, published, tmp_path):
    """One line with the address, then answers; SIGTERM ends it with 0 and the log complete."""
    process = origin(
        "--listen",
        "127.0.0.1:0",
        "--store",
        published[0],
        "--work-dir",
        tmp_path / "w",
        "--access-log",
        tmp_path / "log",
    )
    ready = process.stdout.readline().split()
    assert ready[:2] == ["ready", "origin"]
    with urllib.request.urlopen(f"{ready[2]}/cdn/eu/film1/master.m3u8", timeout=10) as answer:
        assert answer.read().startswith(b"#EXTM3U")
    process.send_signal(signal.SIGTERM)
    out, errors = process.communicate(timeout=20)
    assert (process.returncode, out, errors) == (0, "", "")
    assert "master.m3u8" in (tmp_path / "log").read_text()


def test_what_a_dead_ingest_left_is_swept_at_the_start(origin, tmp_path):
    """Its stored files go after a day, what it had encoded stays; a damaged title keeps nobody from serving."""
    stray = tmp_path / "store/media/x/v240/00001.m4s"
    encoded = tmp_path / "store-work/x/encoded/v240.mp4"
    damaged = tmp_path / "store/titles/y/title.json"
    for file in (stray, encoded, damaged, tmp_path / "store-work/y/file"):
        file.parent.mkdir(parents=True)
        file.write_bytes(b"{")
        os.utime(file, (1e9, 1e9))
    process = origin("--listen", "127.0.0.1:0", "--store", tmp_path / "store")
    assert process.stdout.readline().startswith("ready origin")
    assert not stray.exists()
    assert encoded.exists()
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=20)
    assert process.returncode == 0
    assert "sweep-failed" in errors


def test_a_port_that_is_taken(origin, tmp_path):
    """Said with the setting's name, status 2."""
    first = origin("--listen", "127.0.0.1:0", "--store", tmp_path)
    port = first.stdout.readline().rpartition(":")[2].strip()
    second = origin("--listen", f"127.0.0.1:{port}", "--store", tmp_path)
    _, errors = second.communicate(timeout=20)
    assert second.returncode == 2
    assert "setting `listen`" in errors
    assert "Traceback" not in errors
