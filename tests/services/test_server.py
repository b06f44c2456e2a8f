"""The program as it is started: ready line, signals, wrong settings."""

import json
import signal
import socket
import ssl
import subprocess
import sys
from urllib.request import urlopen

import pytest

from tests.edge.authority import Authority


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


def test_callers_connect_by_tls_and_a_renewed_certificate_is_used_without_a_restart(program, tmp_path):
    authority = Authority(tmp_path)
    cert, key = authority.signs("localhost")
    files = [tmp_path / "live.pem", tmp_path / "live.key"]
    for source, target in zip((cert, key), files, strict=True):
        target.write_bytes(source.read_bytes())
    process = program(
        "--listen", "127.0.0.1:0", "--only", "users", "--tls-cert", str(files[0]), "--tls-key", str(files[1])
    )
    address = process.stdout.readline().split()[2]
    assert address.startswith("https://")
    port = int(address.rpartition(":")[2])
    context = ssl.create_default_context(cafile=str(authority.file))

    def serial_number():
        with socket.create_connection(("127.0.0.1", port), timeout=30) as raw:
            with context.wrap_socket(raw, server_hostname="localhost") as connection:
                connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
                assert connection.recv(100).startswith(b"HTTP/1.1 200")
                return connection.getpeercert()["serialNumber"]

    first = serial_number()
    for source, target in zip(authority.signs("localhost"), files, strict=True):
        target.write_bytes(source.read_bytes())
    process.send_signal(signal.SIGHUP)
    wait_for_event(process, "certificate-renewed")
    assert serial_number() != first
    files[0].write_text("no certificate")
    process.send_signal(signal.SIGHUP)
    wait_for_event(process, "reload-failed")
    assert serial_number() != first


def wait_for_event(process, event):
    for line in process.stderr:
        if json.loads(line)["event"] == event:
            return
    raise AssertionError(f"the program ended without {event}")


def test_half_of_a_certificate_is_refused(program, tmp_path):
    process = program("--listen", "127.0.0.1:0", "--tls-cert", str(tmp_path / "cert.pem"))
    _, err = process.communicate(timeout=60)
    assert process.returncode == 2
    assert "setting `tls_key`" in err.splitlines()[-1]
