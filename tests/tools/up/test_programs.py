"""The list of a running platform's programs."""

import pytest

from tools.up.plan import Addresses, Plan
from tools.up.programs import ProgramsFile, read_programs
from tools.up.state import PROGRAMS


@pytest.fixture
def programs(tmp_path):
    found = ProgramsFile(Plan(Addresses(8080), tmp_path, "DE", None, 5.0))
    found.write({})
    return found


def test_the_file_says_where_each_program_is(programs, tmp_path):
    programs.write({"edge2": 4711})
    rows = read_programs(tmp_path)
    assert rows["edge2"] == {
        "name": "edge2", "role": "edge", "pid": 4711, "url": "http://127.0.0.2:8081", "admin": "http://127.0.0.2:9081",
        "region": "local",
    }  # fmt: skip
    assert rows["origin"]["pid"] is None
    assert rows["control"]["url"] == "127.0.0.1:8084"
    assert rows["control"]["admin"] == "http://127.0.0.1:8085"
    assert (tmp_path / PROGRAMS).stat().st_mode & 0o077 == 0
    assert "region" not in rows["origin"]


def test_an_outage_that_was_left_ends_with_the_next_start(programs, tmp_path):
    programs.clear_outages()
    assert not programs.is_held_down("edge1")
    (tmp_path / "outages" / "edge1").touch()
    assert programs.is_held_down("edge1")
    programs.clear_outages()
    assert not programs.is_held_down("edge1")
