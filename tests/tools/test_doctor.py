"""The doctor names what is wrong, and only that."""

import http.server
import os
import socket
import sys
import threading

import pytest

from kernel.errors import BadSettings
from tools import doctor
from tools.doctor import EARLIEST_TIME, DoctorSettings, Level
from tools.up.plan import Addresses, Plan, PlannedProgram

NOW = EARLIEST_TIME + 1e6


def part(port, path="/healthz"):
    return PlannedProgram("edge1", (), (("127.0.0.1", port),), f"http://127.0.0.1:{port}{path}", "")


@pytest.fixture
def taken():
    """A port that somebody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


@pytest.fixture
def answering():
    """A server that is well at /healthz and not at /ill; its port."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200 if self.path == "/healthz" else 503)
            self.end_headers()

        def log_message(self, *args):
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server.server_address[1]
        server.shutdown()
        thread.join()


def test_kernel_tls_is_reported_and_never_a_problem():
    found = doctor.check_kernel_tls()
    assert (found.level, "in this kernel" in found.details) == (Level.OK, True)


def test_only_python_3_11_will_do():
    assert doctor.check_python((3, 11)).level is Level.OK
    assert doctor.check_python((3, 12)).level is Level.FAILED


def test_the_media_programs_say_their_versions():
    found = list(doctor.check_media_programs())
    assert [finding.check for finding in found] == ["ffmpeg", "ffprobe", "packager"]
    assert {finding.level for finding in found} == {Level.OK}


def test_missing_media_programs_are_named(monkeypatch):
    def find():
        raise BadSettings("packager", "not found")

    monkeypatch.setattr(doctor.subprocesses, "find_programs", find)
    (found,) = doctor.check_media_programs()
    assert (found.level, found.details) == (Level.FAILED, "not found")


@pytest.mark.parametrize(
    ("path", "option", "seen"), [("/no/such", "-v", "cannot be run"), (sys.executable, "-Ewrong", "exit code")]
)
def test_a_program_that_does_not_run_is_wrong(path, option, seen):
    found = doctor.check_program("it", path, option)
    assert found.level is Level.FAILED
    assert seen in found.details


def test_the_player_has_to_be_there(tmp_path):
    assert doctor.check_player(tmp_path / "hls.min.js").level is Level.FAILED
    (tmp_path / "hls.min.js").write_text("x")
    assert doctor.check_player(tmp_path / "hls.min.js").level is Level.OK


@pytest.mark.parametrize(("free", "level"), [(1 << 20, Level.FAILED), (2 << 30, Level.WARNING), (9 << 30, Level.OK)])
def test_disk_space(tmp_path, monkeypatch, free, level):
    monkeypatch.setattr(doctor.shutil, "disk_usage", lambda folder: type("Usage", (), {"free": free}))
    assert doctor.check_disk(tmp_path).level is level


def test_a_folder_that_cannot_be_written(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "access", lambda folder, mode: False)
    assert "is not writable" in doctor.check_disk(tmp_path).details


def test_a_state_folder_that_is_not_there_yet_is_looked_for_above(tmp_path):
    assert doctor.nearest_existing(tmp_path / "a" / "b") == tmp_path
    assert doctor.newest_timestamp(tmp_path / "a") == 0


def test_memory():
    assert doctor.check_memory(1 << 30).level is Level.WARNING
    assert doctor.check_memory(8 << 30).level is Level.OK


@pytest.mark.parametrize(
    ("now", "written", "kept", "level"),
    [
        (NOW, 0, True, Level.OK),
        (NOW, NOW - 1, None, Level.OK),
        (NOW, 0, False, Level.WARNING),
        (NOW, NOW + 3600, True, Level.FAILED),
        (EARLIEST_TIME - 1, 0, True, Level.FAILED),
    ],
)
def test_the_clock(now, written, kept, level):
    assert doctor.check_clock(now, written, kept).level is level


def test_whether_ntp_keeps_the_clock_is_told_or_not_known():
    assert doctor.is_clock_synchronised() in (True, False, None)


def test_a_port_that_is_taken_is_named_with_the_program_that_needs_it(taken):
    found = doctor.check_ports([part(taken)])
    assert found.level is Level.FAILED
    assert f"127.0.0.1:{taken} (edge1)" in found.details
    assert doctor.check_ports([]).level is Level.OK


def test_health(answering, taken, monkeypatch):
    monkeypatch.setattr(doctor, "ANSWER_SECONDS", 0.1)
    assert doctor.check_health(part(answering)).level is Level.OK
    assert "responds with 503" in doctor.check_health(part(answering, "/ill")).details
    assert "does not respond" in doctor.check_health(part(taken)).details


def test_a_running_platform_is_asked_everywhere(tmp_path, monkeypatch):
    monkeypatch.setattr(doctor, "lock_holder", lambda lock: 7)
    monkeypatch.setattr(doctor, "check_health", lambda part: doctor.Finding(part.name, Level.OK, "well"))
    found = [finding.check for finding in doctor.check_platform(Plan(Addresses(8080), tmp_path, "DE", None, 0))]
    assert found == ["platform", "origin", "control", "shield", "edge1", "edge2", "services"]


def test_a_lock_of_a_process_that_is_gone_says_nothing(tmp_path):
    lock = tmp_path / "up.lock"
    assert doctor.lock_holder(lock) is None
    for text in ("", "x running\n", f"{os.getpid()} running\n", "99999999 running\n"):
        lock.write_text(text)
        assert doctor.lock_holder(lock) is None, "this process is no `matinee up`"


@pytest.mark.parametrize(
    ("level", "code", "said"), [(Level.FAILED, 1, "1 of 1"), (Level.WARNING, 0, "No check failed")]
)
def test_the_exit_code_tells_whether_anything_is_wrong(monkeypatch, tmp_path, capsys, level, code, said):
    monkeypatch.setattr(doctor, "check_machine", lambda state: [doctor.Finding("it", level, "so [and] so", "do that")])
    monkeypatch.setattr(doctor, "check_platform", lambda plan: [])
    assert doctor.run(DoctorSettings(port=8080, state=tmp_path, edge_config=None)) == code
    shown = capsys.readouterr().out
    assert said in shown
    assert "so [and] so" in shown


def test_the_machine_is_looked_at_whole(tmp_path):
    seen = {finding.check for finding in doctor.check_machine(tmp_path / "not-there")}
    assert seen >= {"Python", "ffmpeg", "web player", "disk", "memory", "clock"}
