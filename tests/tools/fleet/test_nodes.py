"""`matinee fleet list|show|top|drain|undrain`."""

from pathlib import Path

from tests.tools.fleet_ground import EDGE, canned


def test_the_fleet_is_listed(tmp_path: Path, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    with canned(tmp_path) as control:
        away = EDGE | {"id": "e2", "connected": False, "report": None}
        control.answers["GET /v1/edges"] = {"edges": [EDGE, away], "next": None}
        assert control.run("list") == 0
    out = capsys.readouterr().out
    for words in (
        "2 nodes",
        "e1",
        "serving",
        "1000",
        "95.0%",
        "1.0 Gbit/s",
        "0.50%",
        "42",
        "4 ms",
        "behind",
        "disconnected",
    ):
        assert words in out


def test_one_node_is_shown_whole(tmp_path: Path, capsys):
    with canned(tmp_path) as control:
        control.answers["GET /v1/edges/e%201"] = EDGE
        assert control.run("show", "e 1") == 0
        assert "127.0.0.1:9081" in capsys.readouterr().out
        assert control.run("show", "nobody") == 1


def test_top_shows_the_busiest_first_and_the_sum(tmp_path: Path, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    with canned(tmp_path) as control:
        busy = EDGE | {"id": "busy", "report": EDGE["report"] | {"bytesSent": 10**9}}
        other = EDGE | {"id": "us1", "region": "us"}
        control.answers["GET /v1/edges"] = {"edges": [EDGE, busy, other], "next": None}
        assert control.run("top", "--once", "--region", "eu") == 0
    out = capsys.readouterr().out
    assert "2 serving · 2000 requests/s" in out
    assert out.index("busy") < out.index("e1")
    assert "us1" not in out


def test_a_node_is_drained_with_a_reason_and_back(tmp_path: Path, capsys):
    with canned(tmp_path) as control:
        control.answers["POST /v1/edges/e1/drain"] = EDGE | {"drained": "2026-11-22T20:00:00+00:00", "revision": 9}
        control.answers["POST /v1/edges/e1/undrain"] = EDGE | {"revision": 10}
        assert control.run("drain", "e1", "--reason", "disk") == 0
        assert control.run("undrain", "e1") == 0
        assert [path for _, path, _ in control.asked] == ["/v1/edges/e1/drain?reason=disk", "/v1/edges/e1/undrain"]
        out = capsys.readouterr().out
        assert "e1 is drained since 2026-11-22T20:00:00+00:00 (revision 9)" in out
        assert "e1 is undrained (revision 10)" in out
