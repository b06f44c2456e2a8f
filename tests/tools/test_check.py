"""`make check`: every step runs, one exit code."""

import subprocess

import pytest

from tools import check


@pytest.fixture
def steps(monkeypatch):
    """Stands in for the programs: which steps fail is chosen by the test; what was run is told."""
    failing, ran = set(), []

    def run(argv, **_options):
        name = next(name for name, arguments in check.STEPS if tuple(argv[1:]) == arguments)
        ran.append(name)
        return subprocess.CompletedProcess(argv, 1 if name in failing else 0)

    monkeypatch.setattr(check.subprocess, "run", run)
    monkeypatch.setattr(check, "stubs_are_fresh", lambda: "stubs" not in failing)
    return failing, ran


def test_all_steps_pass(steps, capsys):
    assert check.main() == 0
    assert steps[1] == [name for name, _ in check.STEPS]
    assert capsys.readouterr().out.endswith("check passed\n")


def test_a_failed_step_does_not_keep_the_others_from_running(steps, capsys):
    failing, ran = steps
    failing |= {"lint", "stubs"}
    assert check.main() == 1
    assert len(ran) == len(check.STEPS)
    assert "check failed: lint, gRPC stubs" in capsys.readouterr().out


def test_the_committed_stubs_are_fresh():
    assert check.stubs_are_fresh()
