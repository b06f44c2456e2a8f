"""`matinee plan`."""

import json

import pytest

from tools.cli import main

MEASURED = {
    "players": 10,
    "run": {"story": "s"},
    "capacity": {
        "edge": {
            "nodes": 1, "cpuSecondsPerGB": 0.25, "idleCores": 0.01, "wallSeconds": 10, "cpuSeconds": 0.225,
            "bytesSent": 0.5e9,
        },
        "players": {"meanStreams": 100, "bitrateMean": 4e6, "deliveryOverhead": 1.0},
    },
}  # fmt: skip


@pytest.fixture
def measured(tmp_path):
    def write(document=MEASURED, name="m.json"):
        path = tmp_path / name
        path.write_text(json.dumps(document) if not isinstance(document, str) else document)
        return str(path)

    return write


def test_the_plan_as_json(measured, capsys):
    assert main(["plan", "--streams", "10e6", "--bitrate", "5e6", "--measured", measured(), "--json"]) == 0
    plan = json.loads(capsys.readouterr().out)
    assert plan["total"]["egressBps"] == pytest.approx(50e12)
    assert plan["total"]["edges"] == sum(region["edges"] for region in plan["regions"]) > 100
    figures = {figure["name"]: figure for figure in plan["figures"]}
    assert figures["edge_cpu_s_per_gb"]["value"] == 0.25
    assert figures["edge_cpu_s_per_gb"]["source"].startswith("measured: ")
    assert all(figure["source"] for figure in figures.values())


def test_every_assumption_is_printed(capsys):
    assert main(["plan", "--streams", "1e6", "--bitrate", "4e6"]) == 0
    text = capsys.readouterr().out
    for word in ("node_nic_bps", "spare", "searches_per_s", "event collectors", "search nodes", "Origin", "shields"):
        assert word in text


def test_assumptions_and_regions_are_given_on_the_command_line(capsys):
    argv = ["plan", "--assume", "node_cores=64,spare=0.5", "--regions", "eu=3,us=1", "--json"]
    assert main(argv) == 0
    plan = json.loads(capsys.readouterr().out)
    assert [region["region"] for region in plan["regions"]] == ["eu", "us"]
    assert next(each for each in plan["figures"] if each["name"] == "node_cores")["value"] == 64


@pytest.mark.parametrize(
    ("argv", "says"),
    [
        (["--streams", "none"], "streams"),
        (["--streams", "-1"], "streams"),
        (["--assume", "x"], "NAME=NUMBER"),
        (["--regions", "eu"], "NAME=SHARE"),
        (["--regions", "eu=0"], "not above 0"),
        (["--measured", "/no/such/file"], "cannot be read"),
        (["--check", "/no/such/file"], "is needed with --check"),
    ],
)
def test_what_is_wrong_is_told(argv, says, capsys):
    assert main(["plan", *argv]) == 2
    assert says in capsys.readouterr().err


def test_a_file_that_is_no_json_is_refused(measured, capsys):
    assert main(["plan", "--measured", measured("{")]) == 2
    assert "m.json is no JSON" in capsys.readouterr().err


@pytest.mark.parametrize(("cpu_s", "code"), [(0.225, 0), (0.21, 0), (0.30, 1)])
def test_a_prediction_that_is_off_by_more_than_15_percent_fails(measured, capsys, cpu_s, code):
    other = json.loads(json.dumps(MEASURED))
    other["capacity"]["edge"]["cpuSeconds"] = cpu_s
    assert main(["plan", "--measured", measured(), "--check", measured(other, "run.json")]) == code
    assert "CPU of the edges: predicted 0.0225 cores" in capsys.readouterr().out
