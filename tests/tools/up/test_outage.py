"""Killing one program of the platform, and starting it again."""

import contextlib
import http.server
import subprocess
import sys
import threading

import pytest

from kernel.errors import BadSettings, MatineeError
from tools.up.outage import OutageSettings, run
from tools.up.plan import Addresses, Plan
from tools.up.programs import ProgramsFile, read_programs
from tools.up.state import OUTAGES


@pytest.fixture
def programs(tmp_path):
    found = ProgramsFile(Plan(Addresses(8080), tmp_path, "DE", None, 5.0))
    found.clear_outages()
    found.write({})
    return found


@contextlib.contextmanager
def supervised(programs, tmp_path, name="edge1"):
    """A process that looks like a supervised one, and what the supervisor does when it ends."""
    argv = (sys.executable, "-c", "import time; time.sleep(600)", "tools.up.supervise_child")
    process = subprocess.Popen(argv, start_new_session=True)
    programs.write({name: process.pid})

    def note_end():
        process.wait()
        programs.write({})

    watcher = threading.Thread(target=note_end)
    watcher.start()
    try:
        yield process
    finally:
        process.kill()
        watcher.join()


def settings(state, end=False, within=10.0):
    return OutageSettings(state, end, within)


def test_an_outage_kills_the_program_and_holds_it_down(programs, tmp_path):
    with supervised(programs, tmp_path) as process:
        assert run(settings(tmp_path), "edge1") == 0
        assert process.wait(timeout=5) == -9
    assert programs.is_held_down("edge1")
    assert not programs.is_held_down("edge2")
    programs.clear_outages()
    assert not programs.is_held_down("edge1")


def test_an_outage_of_a_region_holds_down_all_its_edges(tmp_path, capsys):
    programs = ProgramsFile(Plan(Addresses(8080), tmp_path, "DE", None, 5.0, regions=2))
    programs.clear_outages()
    with supervised(programs, tmp_path, "edge3") as process:
        assert run(settings(tmp_path), "east") == 0
        assert process.wait(timeout=5) == -9
    held = [name for name in read_programs(tmp_path) if programs.is_held_down(name)]
    assert held == ["edge3", "edge4"]
    assert "edge3, edge4 are down" in capsys.readouterr().out


def test_a_program_that_a_new_platform_lacks_ends_the_wait(tmp_path, monkeypatch):
    """`matinee up` was started again with fewer regions meanwhile."""
    ProgramsFile(Plan(Addresses(8080), tmp_path, "DE", None, 5.0, regions=2)).clear_outages()
    ProgramsFile(Plan(Addresses(8080), tmp_path, "DE", None, 5.0, regions=2)).write({"edge3": 1})
    smaller = ProgramsFile(Plan(Addresses(8080), tmp_path, "DE", None, 5.0))
    monkeypatch.setattr("tools.up.outage._is_supervised", lambda _: smaller.write({}))
    with pytest.raises(MatineeError, match="edge3 is no longer a program"):
        run(settings(tmp_path), "edge3")


def test_an_outage_kills_nothing_that_is_not_supervised(programs, tmp_path):
    stranger = subprocess.Popen((sys.executable, "-c", "import time; time.sleep(600)"), start_new_session=True)
    try:
        programs.write({"edge1": stranger.pid})
        with pytest.raises(MatineeError, match="still runs"):
            run(settings(tmp_path, within=0.1), "edge1")
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


def test_the_end_of_an_outage_waits_until_the_program_answers(programs, tmp_path, monkeypatch):
    class Healthy(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_):
            pass

    (tmp_path / OUTAGES / "edge1").touch()
    with pytest.raises(MatineeError, match="does not answer"):
        run(settings(tmp_path, end=True, within=0.1), "edge1")
    assert not programs.is_held_down("edge1")
    with http.server.HTTPServer(("127.0.0.1", 0), Healthy) as server:
        threading.Thread(target=server.serve_forever).start()
        row = {"name": "edge1", "pid": 1, "admin": f"http://127.0.0.1:{server.server_port}"}
        monkeypatch.setattr("tools.up.outage.read_programs", lambda state: {"edge1": row})
        assert run(settings(tmp_path, end=True), "edge1") == 0
        server.shutdown()


def test_an_unknown_program_is_refused_with_those_there_are(programs, tmp_path):
    with pytest.raises(MatineeError, match="edge1, edge2, services"):
        run(settings(tmp_path), "edge7")


def test_a_folder_without_a_platform_is_refused(tmp_path):
    with pytest.raises(BadSettings, match="no `matinee up` is running"):
        run(settings(tmp_path), "edge1")
