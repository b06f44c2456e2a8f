"""The `matinee` command: its table, its help, and what it says to a slip."""

import sys
from dataclasses import dataclass
from types import SimpleNamespace

import pytest

from kernel.settings.table import INTEGER, setting
from tools import cli


@dataclass(frozen=True)
class Sample:
    """A command's settings."""

    number: int = setting(INTEGER, "1", "A number.")


def interrupted(settings):
    raise KeyboardInterrupt


@pytest.fixture
def commands(monkeypatch):
    """Two commands whose modules are made here."""
    monkeypatch.setitem(
        sys.modules, "sample_good", SimpleNamespace(SETTINGS=Sample, run=lambda settings: settings.number)
    )
    monkeypatch.setitem(sys.modules, "sample_stopped", SimpleNamespace(SETTINGS=Sample, run=interrupted))
    table = (cli.Command("go", "sample_good", "Goes."), cli.Command("go far", "sample_stopped", "Goes far."))
    monkeypatch.setattr(cli, "COMMANDS", table[::-1])


def test_a_command_runs_with_its_settings(commands):
    assert cli.main(["go", "--number", "0"]) == 0
    assert cli.main(["go", "--number", "5"]) == 5


def test_ctrl_c_is_no_traceback(commands):
    assert cli.main(["go", "far"]) == 130


def test_a_wrong_setting_ends_with_2(commands, capsys):
    assert cli.main(["go", "--number", "x"]) == 2
    assert capsys.readouterr().err == "matinee go: setting `number` (flag --number): 'x' is not a whole number\n"


@pytest.mark.parametrize("argv", [["--help"], ["-h"], ["help"]])
def test_help_lists_every_command(argv, capsys):
    assert cli.main(argv) == 0
    shown = capsys.readouterr().out
    assert all(entry.name in shown and entry.summary in shown for entry in cli.COMMANDS)


def test_nothing_at_all_is_wrong_usage():
    assert cli.main([]) == 2


def test_an_unknown_command_is_named(capsys):
    assert cli.main(["fly", "--high"]) == 2
    assert "unknown command `fly`" in capsys.readouterr().err


def test_the_first_word_of_several_commands_shows_those(capsys):
    assert cli.main(["token", "fake"]) == 2
    shown = capsys.readouterr().err
    assert "unknown command `token fake`" in shown
    assert "token mint" in shown
    assert "recommend" not in shown
    assert cli.main(["token", "--help"]) == 0
    assert "token keygen" in capsys.readouterr().out


def test_names_are_unique_and_longer_ones_stand_where_they_are_found():
    names = [entry.name for entry in cli.COMMANDS]
    assert len(set(names)) == len(names)
    assert all(cli.find(name.split())[0].name == name for name in names)


def test_the_version_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    """For bug reports; the same as pyproject's."""
    import tomllib
    from pathlib import Path

    assert cli.main(["--version"]) == 0
    version = tomllib.loads(Path("pyproject.toml").read_text())["project"]["version"]
    assert capsys.readouterr().out == f"matinee {version}\n"


def test_a_variable_that_no_command_reads_stops_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A typo in a variable is found, and named."""
    monkeypatch.setenv("MATINEE_RAMM", "1GiB")
    assert cli.main(["token", "mint", "--help"]) == 2
    assert "`MATINEE_RAMM` (variable MATINEE_RAMM): unknown setting" in capsys.readouterr().err


def test_variables_of_other_commands_and_of_orchestrators_are_no_typos(monkeypatch: pytest.MonkeyPatch) -> None:
    """Programs of one platform share an environment; Kubernetes adds addresses of services."""
    monkeypatch.setenv("MATINEE_RAM", "1GiB")
    monkeypatch.setenv("MATINEE_EDGE_SERVICE_HOST", "10.0.0.1")
    monkeypatch.setenv("MATINEE_EDGE_PORT_8081_TCP", "tcp://10.0.0.1:8081")
    assert cli.main(["token", "mint", "--help"]) == 0
