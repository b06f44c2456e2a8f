"""What `make measure` does, and what it keeps of the run."""

import json
from pathlib import Path
from types import SimpleNamespace

import pytest

from loadtest.planner.measure import main, trimmed
from loadtest.planner.measured import read_measured

RUN = {
    "players": 7, "run": {"story": "evening-peak", "target": "http://127.0.0.1:1", "settings": {}, "actions": []},
    "capacity": {"edge": {"cpuSecondsPerGB": 0.2}}, "timeline": {"x": [1] * 100}, "nodes": [], "generatorCpuShare": 0.1,
}  # fmt: skip


def test_a_plan_needs_little_of_a_report():
    kept = trimmed(RUN)
    assert set(kept) == {"players", "run", "capacity", "generatorCpuShare"}
    assert kept["run"] == {"story": "evening-peak"}
    assert read_measured(kept, "m").figures["edge_cpu_s_per_gb"].value == 0.2


@pytest.mark.parametrize(
    ("codes", "code", "played"), [([1, 0, 0, 0], 0, 4), ([2], 2, 1), ([0, 1], 1, 2), ([-9], -9, 1), ([0, 0, -9], -9, 3)]
)
def test_a_run_may_miss_its_expectations_and_a_probe_may_not_fail(monkeypatch, tmp_path, codes, code, played):
    calls = []

    def run(argv, check):
        calls.append(argv[3])
        if argv[3] == "loadtest":
            (report,) = [word.removeprefix("--json=") for word in argv if word.startswith("--json=")]
            Path(report).write_text(json.dumps(RUN))
        return SimpleNamespace(returncode=codes[len(calls) - 1])

    monkeypatch.setattr("loadtest.planner.measure.subprocess.run", run)
    out = tmp_path / "m.json"
    out.write_text("of an earlier run")
    assert main(["--out", str(out)]) == code
    assert len(calls) == played
    if code:
        assert out.read_text() == "of an earlier run"
    else:
        assert json.loads(out.read_text())["players"] == 7


def test_a_run_without_a_report_does_not_pass_for_an_earlier_one(monkeypatch, tmp_path):
    """A traceback ends a run with 1, like missed expectations."""
    monkeypatch.setattr("loadtest.planner.measure.subprocess.run", lambda *_, **__: SimpleNamespace(returncode=1))
    (tmp_path / "m.json").write_text(json.dumps(RUN))
    assert main(["--out", str(tmp_path / "m.json")]) == 1
    assert json.loads((tmp_path / "m.json").read_text()) == RUN
