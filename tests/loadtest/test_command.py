"""`matinee loadtest`: the process that plays gets what was said."""

import json
import os
from pathlib import Path

import pytest

from kernel.settings.command_line import read
from loadtest.__main__ import main
from loadtest.command import LoadtestSettings, flags_of

GIVEN = [
    "premiere", "--target", "http://t/a.m3u8?x=1,2", "--players", "7", "--seconds", "2.5", "--seed", "0",
    "--header", "Accept: a, b", "--header", "X-Key: secret", "--json", "a.json", "--html", "b.html", "--quiet",
]  # fmt: skip


def settings(argv):
    return read(
        LoadtestSettings, argv, prog="p", summary="s", env={}, read_text=Path.read_text, positional=("story",)
    )  # fmt: skip


def test_the_flags_that_are_passed_on_mean_the_same():
    given, _ = settings(GIVEN)
    again, positional = settings(["premiere", *flags_of(given)])
    assert again == given
    assert positional == {"story": "premiere"}
    assert given.header == ("Accept: a, b", "X-Key: secret")


@pytest.mark.parametrize(
    ("argv", "says"),
    [
        (["premiere"], "target"),
        (["premiere", "--target", "localhost"], "no http or https URL"),
        (["no-such-story", "--target", "http://t/a.m3u8"], "stories that ship here: attack, control-dies"),
        (["premiere", "--target", "http://t/a.m3u8", "--header", "nonsense"], "not of the form"),
        (["premiere", "--target", "http://t/a.m3u8", "--players", "0"], "players"),
        (["region-dies", "--target", "http://t/a.m3u8"], "needs a platform of 2 regions"),
        (["edge-dies", "--target", "http://t/a.m3u8", "--platform", os.devnull], "no `matinee up` of this machine"),
    ],
)
def test_what_is_wrong_is_told_before_anything_is_played(argv, says, capsys):
    assert main(argv) == 2
    assert says in capsys.readouterr().err


def test_two_runs_are_compared(report, tmp_path, capsys):
    path = tmp_path / "a.json"
    path.write_text(json.dumps(report))
    assert main(["--compare", str(path), str(path)]) == 0
    assert "startupMs.p95" in capsys.readouterr().out
