"""Two runs beside each other."""

import io
import json

import pytest
from rich.console import Console

from loadtest.reports.compare import compare_files, differences, doubts


def verdicts(first, second):
    return {row.metric.name: row.verdict for row in differences(first, second)}


def test_better_worse_and_same_follow_the_figure_and_not_the_sign(report):
    other = json.loads(json.dumps(report))
    other["startupMs"]["p95"] *= 2
    other["bitrateMean"] *= 2
    other["startupMs"]["p50"] *= 1.01
    other["players"] *= 3
    found = verdicts(report, other)
    assert (found["startupMs.p95"], found["bitrateMean"]) == ("worse", "better")
    assert (found["startupMs.p50"], found["players"]) == ("same", "")


def test_from_none_to_some_is_a_change(report):
    other = json.loads(json.dumps(report))
    other["errors"] = 5
    assert verdicts(report, other)["errors"] == "worse"
    assert verdicts(other, report)["errors"] == "better"


def test_what_only_one_run_measured_is_shown_and_not_judged(report):
    other = json.loads(json.dumps(report))
    other["hitRatio"] = None
    assert verdicts(report, other)["hitRatio"] == ""


def test_runs_that_cannot_be_compared_say_so(report):
    other = json.loads(json.dumps(report))
    other["run"]["seed"], other["players"], other["warnings"] = 2, 21, ["busy"]
    assert list(doubts(report, other)) == [
        "the runs differ in seed: 1 and 2",
        "the runs have 20 and 21 players",
        "the second run warns: busy",
    ]
    assert list(doubts(report, report)) == []


@pytest.fixture
def printed():
    return Console(file=io.StringIO(), width=120)


def test_the_exit_code_says_whether_something_is_worse(report, tmp_path, printed):
    a, b = tmp_path / "a.json", tmp_path / "b.json"
    a.write_text(json.dumps(report))
    report["startupMs"]["p95"] *= 2
    b.write_text(json.dumps(report))
    assert compare_files([str(a), str(b)], printed) == 1
    assert compare_files([str(b), str(a)], printed) == 0
    assert "+100.0%" in printed.file.getvalue()


@pytest.mark.parametrize("names", [[], ["a.json"], ["none.json", "none.json"], ["x", "y", "z"]])
def test_wrong_usage(names, printed):
    assert compare_files(names, printed) == 2


@pytest.mark.parametrize("text", ["[1]", "{}", "nonsense"])
def test_what_is_no_report_is_refused(text, tmp_path, printed, capsys):
    path = tmp_path / "x.json"
    path.write_text(text)
    assert compare_files([str(path), str(path)], printed) == 2
    assert "x.json" in capsys.readouterr().err
