"""A missing program of the system is said loudly, or is an error."""

import subprocess
import sys
from pathlib import Path

import pytest

CONFTEST = Path(__file__).with_name("conftest.py")
TESTS = """
import pytest

@pytest.mark.needs("no-such-program")
@pytest.mark.parametrize("n", [1, 2])
def test_needs_what_is_missing(n):
    raise AssertionError("was run")

@pytest.mark.needs("sh")
def test_needs_what_is_there(program):
    assert program("sh").endswith("/sh")

@pytest.mark.skip(reason="for a reason of its own")
def test_other_skip():
    pass
"""


@pytest.fixture
def run(tmp_path):
    """Run the tests above on their own: (exit code, what was printed)."""
    (tmp_path / "conftest.py").write_text(CONFTEST.read_text())
    (tmp_path / "test_it.py").write_text(TESTS)
    (tmp_path / "pytest.ini").write_text("[pytest]\nmarkers = needs(program): it\n")

    def within(**env):
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(tmp_path)]
        done = subprocess.run(
            command, check=False, cwd=tmp_path, env={"PATH": "/usr/bin:/bin", **env}, capture_output=True, text=True
        )
        return done.returncode, done.stdout

    return within


def test_what_was_not_run_is_said_with_its_reason(run):
    code, said = run()
    assert code == 0
    assert "NOT EVERYTHING WAS RUN" in said
    assert "NOT RUN: 2 tests, because no-such-program is not on PATH" in said
    assert "test_it.py::test_needs_what_is_missing" in said
    assert "1 passed, 3 skipped" in said
    assert "test_other_skip" not in said


def test_with_require_all_it_is_an_error(run):
    code, said = run(REQUIRE_ALL="1")
    assert code == 1
    assert "no-such-program is not on PATH" in said
    assert "1 passed, 1 skipped, 2 errors" in said
    assert "NOT EVERYTHING WAS RUN" not in said
