"""`matinee fleet hot|route|why`."""

from pathlib import Path

import pytest

from tests.tools.fleet_ground import canned

CHOICE = {"id": "e1", "address": "127.0.0.1:8081", "region": "eu", "why": "first for the title"}


@pytest.fixture(autouse=True)
def wide(monkeypatch):
    monkeypatch.setenv("COLUMNS", "220")


def test_what_is_hot_is_shown(tmp_path: Path, capsys):
    with canned(tmp_path) as control:
        row = {"region": "eu", "contentId": "film", "rendition": "v720", "segments": 8, "share": 0.25, "replicas": 3}
        taken = {
            "contentId": "film",
            "rendition": "v720",
            "popularity": 12.5,
            "bytes": 5e9,
            "requests": 9,
            "share": 0.25,
        }
        control.answers["GET /v1/hot"] = {"hot": [row], "popular": [taken], "regions": ["eu"]}
        assert control.run("hot", "--region", "eu", "--most", "3") == 0
        assert control.asked[0][1] == "/v1/hot?region=eu&limit=3"
    out = capsys.readouterr().out
    for words in ("film", "v720", "25.0%", "12.50", "5.0 GB"):
        assert words in out


def test_a_route_is_shown_with_those_passed_over(tmp_path: Path, capsys):
    with canned(tmp_path) as control:
        passed = CHOICE | {"id": "e2", "why": "is drained"}
        control.answers["GET /v1/route"] = {"edges": [CHOICE], "passed": [passed], "ttl": 5.0}
        assert control.run("route", "film", "--country", "DE") == 0
        assert "contentId=film" in control.asked[0][1]
        assert "country=DE" in control.asked[0][1]
        out = capsys.readouterr().out
        assert out.index("e1") < out.index("is drained")
        control.answers["GET /v1/route"] = {"edges": [], "passed": [passed], "ttl": 5.0}
        assert control.run("route", "film") == 1


def test_what_each_node_would_do_is_shown(tmp_path: Path, capsys):
    held = {"tiers": ["ram", "disk"], "bytes": 1_500_000, "age": 12.0, "ttl": 48.0, "slices": {"held": 3, "of": 9}}
    stale = {"tiers": [], "bytes": None, "age": 99.0, "ttl": -9.0}
    edges = [
        {"id": "e1", "role": "edge", "next": "serve", "stored": [held], "country": "DE",
         "upstreams": [{"url": "http://shield:1", "running": 0, "leftOut": False}]},
        {"id": "e2", "role": "edge", "next": "fill", "stored": [stale], "filling": True, "refused": "country",
         "status": 451, "sentence": "Not licensed there.", "upstreams": []},
        {"id": "e3", "role": "shield", "error": "is not connected"},
    ]  # fmt: skip
    with canned(tmp_path) as control:
        control.answers["POST /v1/why"] = {"edges": edges, "notAsked": 2}
        assert control.run("why", "/cdn/eu/film/a?token=secret", "--country", "DE", "--edge", "e1", "--edge", "e2") == 0
        assert control.asked[0][2]["edges"] == ["e1", "e2"]
    out = capsys.readouterr().out
    for words in (
        "serve", "ram+disk 1.5 MB 3/9 slices, 12 s old, fresh for 48 s", "http://shield:1", "refuse 451 country",
        "Not licensed there.", "being fetched", "head 0 B, 99 s old, stale for 9 s", "is not connected", "2 more nodes",
    ):  # fmt: skip
        assert words in out
    assert "secret" not in out
