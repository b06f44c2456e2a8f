"""Every `matinee` command can be asked for help and stands in the docs."""

import subprocess
import sys

import pytest

from tools.cli import COMMANDS, load, main


@pytest.mark.parametrize("command", COMMANDS, ids=lambda c: c.name)
def test_a_command_has_settings_and_run_and_says_what_it_is_for(command, capsys, monkeypatch):
    module = load(command.module)
    assert callable(module.run)
    assert module.run.__doc__
    assert main([*command.name.split(), "--help"]) == 0
    shown = capsys.readouterr().out
    assert command.summary in " ".join(shown.split())


@pytest.mark.parametrize("command", COMMANDS, ids=lambda c: c.name)
def test_a_command_stands_in_the_docs(command, root):
    assert f"## matinee {command.name}" in (root / "docs/settings.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("command", COMMANDS, ids=lambda c: c.name)
def test_an_unknown_flag_is_wrong_usage(command, capsys):
    assert main([*command.name.split(), *command.positional, "--no-such-flag", "1"]) == 2
    assert "no-such-flag" in capsys.readouterr().err


def test_the_list_of_commands_is_quick_to_get():
    """`matinee --help` imports no program: everything heavy waits for its command."""
    heavy = "{'aiohttp', 'grpc', 'numpy', 'sqlalchemy', 'rich'}"
    code = f"import sys, tools.cli; tools.cli.main(['--help']); print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.rstrip().endswith("[]")
    assert all(command.name in done.stdout for command in COMMANDS)
