"""Command lines: settings out of argv, and exit codes with words instead of tracebacks."""

from dataclasses import dataclass

import pytest

from kernel.errors import BadSettings, StorageFailed, UpstreamFailed
from kernel.fetch_reasons import UpstreamReason
from kernel.settings.command_line import Usage, command, read
from kernel.settings.table import INTEGER, SWITCH, TEXT, setting


@dataclass(frozen=True)
class Sample:
    """A command's settings."""

    workers: int = setting(INTEGER, "1", "How many, 100 % of them.")
    fast: bool = setting(SWITCH, "off", "Whether to hurry.")
    region: tuple[str, ...] = setting(TEXT, None, "Which.", many=True)


FILES = {"good.toml": "workers = 7\nfast = true\n", "bad.toml": "workers = "}


def read_text(name):
    if name == "binary.toml":
        return b"\xff".decode()
    if name not in FILES:
        raise FileNotFoundError(2, "No such file or directory")
    return FILES[name]


def parsed(*argv, positional=()):
    return read(Sample, argv, prog="p", summary="Does.", env={}, read_text=read_text, positional=positional)


@pytest.mark.parametrize(
    ("argv", "settings"),
    [
        ([], Sample(1, False, ())),
        (["--workers", "2", "--workers=3"], Sample(3, False, ())),
        (["--fast"], Sample(1, True, ())),
        (["--fast", "off"], Sample(1, False, ())),
        (["--fast=on"], Sample(1, True, ())),
        (["--fast", "--workers", "2"], Sample(2, True, ())),
        (["--region", "eu", "--region", "us,ap"], Sample(1, False, ("eu", "us", "ap"))),
        (["--config", "good.toml"], Sample(7, True, ())),
        (["--config", "good.toml", "--workers", "8", "--fast", "no"], Sample(8, False, ())),
    ],
)
def test_settings_out_of_argv(argv, settings):
    assert parsed(*argv)[0] == settings


@pytest.mark.parametrize(
    "argv", [["film.mp4"], ["--fast", "film.mp4"], ["film.mp4", "--fast"], ["--fast", "on", "film.mp4"]]
)
def test_a_switch_swallows_no_positional_argument(argv):
    settings, arguments = parsed(*argv, positional=("file",))
    assert arguments == {"file": "film.mp4"}
    assert settings.fast is ("--fast" in argv)


def test_after_two_dashes_everything_is_positional():
    assert parsed("--fast", "--", "--fast", positional=("file",)) == (Sample(1, True, ()), {"file": "--fast"})


@pytest.mark.parametrize(
    "argv", [["--wrokers", "1"], ["--work", "1"], ["extra"], ["--workers"], ["--workers", "-x"], ["--config"]]
)
def test_wrong_usage_ends_in_words_with_code_2(argv):
    with pytest.raises(Usage) as raised:
        parsed(*argv)
    assert raised.value.code == 2
    assert "usage: p" in str(raised.value)
    assert "Try `p --help`" in str(raised.value)


def test_help_shows_every_setting_and_its_default():
    with pytest.raises(Usage) as raised:
        parsed("--help")
    assert raised.value.code == 0
    for words in ("Does.", "--workers INTEGER", "How many, 100 % of them. Default: 1.", "--config FILE.toml"):
        assert words in str(raised.value)


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("none.toml", "cannot be read: No such file"),
        ("bad.toml", "is not valid TOML"),
        ("binary.toml", "is not valid TOML"),
    ],
)
def test_a_config_that_cannot_be_read_is_named(name, why):
    with pytest.raises(BadSettings, match=rf"setting `config` \(file {name}\): {why}"):
        parsed("--config", name)


@pytest.mark.parametrize(
    ("argv", "raises", "code", "said"),
    [
        ([], None, 0, None),
        (["--help"], None, 0, (False, "usage: p")),
        (["--nope"], None, 2, (True, "p: unrecognized arguments: --nope")),
        (["--workers", "x"], None, 2, (True, "p: setting `workers` (flag --workers): 'x' is not a whole number")),
        ([], BadSettings("workers", "too many"), 2, (True, "p: setting `workers`: too many")),
        ([], StorageFailed("the disk is full"), 1, (True, "p: the disk is full")),
        ([], UpstreamFailed(UpstreamReason.CONNECT), 1, (True, "p: connect")),
    ],
)
def test_exit_codes_and_what_is_said(argv, raises, code, said):
    heard = []

    def run(settings):
        if raises:
            raise raises
        return 0

    got = command(
        Sample, run, argv, prog="p", summary="Does.", env={}, read_text=read_text, say=lambda *all_: heard.append(all_)
    )
    assert got == code
    if said is None:
        assert heard == []
    else:
        assert heard[0][1] is said[0]
        assert heard[0][0].startswith(said[1])


def test_positional_arguments_reach_the_command_by_name():
    code = command(
        Sample,
        lambda settings, file: len(file),
        ["abc"],
        prog="p",
        summary="Does.",
        env={},
        read_text=read_text,
        say=print,
        positional=("file",),
    )
    assert code == 3
