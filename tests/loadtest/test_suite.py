"""The ten stories in a row."""

import json
from types import SimpleNamespace

import pytest

from kernel.errors import BadSettings
from loadtest.suite import SuiteSettings, names_of, run


@pytest.fixture
def played(monkeypatch, tmp_path):
    """What would be played, and how each came out."""
    calls, codes = [], {}

    def play(argv, check):
        name = argv[4]
        calls.append(argv[4:])
        if name != "premiere":
            (tmp_path / f"{name}.json").write_text('{"players": 7, "generatorCpuShare": 0.1}')
        return SimpleNamespace(returncode=codes.get(name, 0))

    monkeypatch.setattr("loadtest.suite.subprocess.run", play)
    return calls, codes


def settings(tmp_path, *only):
    return SuiteSettings("http://t", tmp_path, only, 5, None, tmp_path)


def test_all_are_played_but_those_that_need_more_regions(played, tmp_path, capsys):
    calls, _ = played
    (tmp_path / "region-dies.json").write_text('{"players": 9, "generatorCpuShare": 0.1}')
    assert run(settings(tmp_path)) == 0
    assert [call[0] for call in calls] == [name for name in names_of(()) if name != "region-dies"]
    assert {"--target=http://t", "--players=5"} <= set(calls[0])
    out = capsys.readouterr().out
    assert "region-dies: NOT PLAYED" in out
    assert "9 players" not in out, "those of an earlier run"
    assert "7 players, generator at 10% of a core" in out


def test_a_platform_of_two_regions_is_played_all_ten(played, tmp_path):
    edges = [{"name": region, "role": "edge", "pid": 1, "url": "u", "region": region} for region in ("local", "east")]
    (tmp_path / "programs.json").write_text(json.dumps({"page": "http://t", "programs": edges}))
    assert run(settings(tmp_path)) == 0
    assert [call[0] for call in played[0]] == names_of(())


@pytest.mark.parametrize(("code", "says"), [(1, "FAILED"), (2, "could not be played")])
def test_one_that_fails_fails_the_suite_and_the_others_are_played(played, tmp_path, capsys, code, says):
    calls, codes = played
    codes["attack"] = code
    assert run(settings(tmp_path, "attack", "premiere")) == 1
    assert len(calls) == 2
    assert says in capsys.readouterr().out


def test_a_story_that_left_no_report_shows_none_of_an_earlier_run(played, tmp_path, capsys):
    (tmp_path / "premiere.json").write_text('{"players": 9, "generatorCpuShare": 0.1}')
    played[1]["premiere"] = 1
    assert run(settings(tmp_path, "premiere")) == 1
    assert "9 players" not in capsys.readouterr().out


def test_an_unknown_story_is_refused():
    with pytest.raises(BadSettings, match="no story 'opera'"):
        names_of(["opera"])
