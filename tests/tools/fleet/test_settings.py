"""`matinee fleet push|rollout`."""

from pathlib import Path

import pytest

from tests.tools.fleet_ground import canned


def standing(state: str, why: str = "") -> dict:
    rollout = {"number": 5, "before": 4, "state": state, "stage": "canary", "why": why, "edges": ["e1"], "of": 9}
    return {"number": 5, "layers": {"all": {"default_ttl": 5.0}}, "rollout": rollout}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    made = tmp_path / "edge.toml"
    made.write_text('default_ttl = "5s"\n')
    return made


def test_a_file_is_pushed_to_a_layer(tmp_path: Path, file: Path, capsys):
    with canned(tmp_path) as control:
        control.answers["PUT /v1/settings"] = (202, standing("rolling"))
        assert control.run("push", str(file), "--layer", "region/eu", "--reason", "slow") == 0
        assert control.asked == [("PUT", "/v1/settings?reason=slow", {"layers": {"region/eu": {"default_ttl": "5s"}}})]
    assert "settings 5: rolling, canary, at 1 of 9 edges" in capsys.readouterr().out


def test_an_empty_file_takes_the_layer_away(tmp_path: Path, file: Path):
    file.write_text("")
    with canned(tmp_path) as control:
        control.answers["PUT /v1/settings"] = standing("done")
        assert control.run("push", str(file)) == 0
        assert control.asked[0][2] == {"layers": {"all": None}}


@pytest.mark.parametrize(("end", "code"), [("done", 0), ("reverted", 1), ("held", 1)])
def test_who_waits_is_told_how_it_ends(tmp_path: Path, file: Path, capsys, monkeypatch, end: str, code: int):
    monkeypatch.setattr("tools.fleet.settings.POLL_SECONDS", 0.0)
    with canned(tmp_path) as control:
        control.answers["PUT /v1/settings"] = standing("rolling")
        control.answers["GET /v1/settings"] = standing(end, "5 % of requests fail")
        assert control.run("push", str(file), "--watch") == code
    out = capsys.readouterr().out
    assert "rolling" in out
    assert f"{end}, canary, at 1 of 9 edges: 5 % of requests fail" in out


def test_a_dry_run_changes_nothing(tmp_path: Path, file: Path, capsys):
    with canned(tmp_path) as control:
        told = {"edges": [{"edge": "e1", "settings": {"default_ttl": [None, 5.0]}}]}
        control.answers["POST /v1/settings/diff"] = told
        assert control.run("push", str(file), "--dry-run") == 0
        assert [method for method, _, _ in control.asked] == ["POST"]
    assert "default_ttl" in capsys.readouterr().out


@pytest.mark.parametrize("content", [b"x = ", b"\xff"])
def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, file: Path, capsys, content: bytes):
    file.write_bytes(content)
    with canned(tmp_path) as control:
        assert control.run("push", str(file)) == 2
        assert control.run("push", str(tmp_path / "none.toml")) == 2
        assert control.asked == []
    assert "edge.toml" in capsys.readouterr().err


def test_a_rollout_is_shown_held_and_taken_back(tmp_path: Path, capsys):
    with canned(tmp_path) as control:
        control.answers["GET /v1/settings"] = standing("rolling")
        control.answers["POST /v1/settings/rollout/back"] = standing("reverted", "by anna")
        assert control.run("rollout") == 0
        assert control.run("rollout", "--do", "back", "--reason", "no") == 0
        assert control.asked[1][1] == "/v1/settings/rollout/back?reason=no"
        control.answers["GET /v1/settings"] = {"number": 0, "layers": {}, "rollout": None}
        assert control.run("rollout") == 0
    out = capsys.readouterr().out
    assert "reverted" in out
    assert "no settings have been pushed" in out
