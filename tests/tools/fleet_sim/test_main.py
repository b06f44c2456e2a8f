"""`python -m tools.fleet_sim.__main__`: what it is asked, what it prints and writes. See test_fleet_sim_steps too."""

from __future__ import annotations

import json

import pytest

from tools.fleet_sim import __main__
from tools.fleet_sim.steps import QUICK, STEPS, Figure


@pytest.fixture
def simulated(monkeypatch):
    """What was asked for; the figures are made up."""
    asked = []

    async def made_up(folder, disks, settings, steps, say):
        assert folder.is_dir()
        assert disks.is_dir()
        asked.append((settings, steps))
        say("something")
        return [Figure("a change", 0.5, target=2.0), Figure("a purge", late[0], target=1.0, note="worst of 5")]

    late = [0.25]
    monkeypatch.setattr(__main__, "simulated", made_up)
    return asked, late


def run_with(monkeypatch, *arguments):
    monkeypatch.setattr("sys.argv", ["fleet_sim", *arguments])
    return __main__.main()


def test_a_table_and_a_file_of_figures(simulated, monkeypatch, tmp_path, capsys):
    asked, _ = simulated
    target = tmp_path / "figures.json"
    assert run_with(monkeypatch, "--agents", "200", "--json", str(target)) == 0
    ((settings, steps),) = asked
    assert (settings.agents, settings.processes, steps) == (200, 2, list(STEPS))
    printed = capsys.readouterr().out
    assert "200 agents in 2 processes" in printed
    assert "met" in printed
    assert [row["missed"] for row in json.loads(target.read_text())["figures"]] == [False, False]


def test_a_target_missed_is_said_and_is_its_status(simulated, monkeypatch, capsys):
    simulated[1][0] = None
    assert run_with(monkeypatch, "--quick") == 1
    assert simulated[0][0][1] == list(QUICK)
    printed = capsys.readouterr().out
    assert "never" in printed
    assert "missed" in printed


def test_steps_by_name_and_joining_before_them(simulated, monkeypatch, capsys):
    assert run_with(monkeypatch, "--only", "purges") == 0
    assert simulated[0][0][1] == ["joins", "purges"]
    assert run_with(monkeypatch, "--only", "dances") == 2
    assert "there is no step dances" in capsys.readouterr().err


def test_figures_for_people():
    shown = [__main__.shown(*one) for one in ((None, "s"), (0.5, "s"), (0.0, ""), (1024.0, "MiB"), (12.345, "s"))]
    assert shown == ["never", "0.5 s", "0", "1,024 MiB", "12.35 s"] or shown[-1] == "12.34 s"
