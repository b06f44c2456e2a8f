"""How `matinee fleet` asks control, and what it says when that fails."""

from pathlib import Path

import pytest

from tests.tools.fleet_ground import EDGE, canned


def test_what_control_says_is_printed_as_json(tmp_path: Path, capsys):
    with canned(tmp_path) as control:
        control.answers["GET /v1/edges"] = {"edges": [EDGE], "next": None}
        assert control.run("list", "--json") == 0
        assert '"id": "e1"' in capsys.readouterr().out


def test_a_list_in_pages_is_read_to_its_end(tmp_path: Path, capsys):
    with canned(tmp_path) as control:
        control.answers["GET /v1/edges"] = {"edges": [EDGE], "next": "e1"}
        original = control.answers

        class Turning(dict):
            def get(self, name, default=None):
                found = original.get(name, default)
                return found if len(control.asked) == 1 else {"edges": [EDGE | {"id": "e2"}], "next": None}

        control.answers = Turning(original)
        assert control.run("list", "--json") == 0
        out = capsys.readouterr().out
        assert '"e1"' in out
        assert '"e2"' in out
        assert control.asked[1][1] == "/v1/edges?cursor=e1&limit=1000"


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ((403, {"reason": "role", "detail": "this needs the role operator"}), "needs the role operator"),
        ((503, {"reason": "storage", "detail": "the disk is full"}), "the disk is full"),
        ((200, b"<html>"), "is not from a control plane"),
        ((200, b"[]"), "is not from a control plane"),
    ],
)
def test_what_control_refuses_is_told(tmp_path: Path, capsys, answer, words: str):
    with canned(tmp_path) as control:
        control.answers["GET /v1/edges"] = answer
        assert control.run("list") == 1
        assert words in capsys.readouterr().err


def test_nobody_at_the_address_is_told_with_what_to_do(tmp_path: Path, capsys):
    with canned(tmp_path) as control:
        port = control.port
    control.port = port
    assert control.run("list") == 1
    assert "is it running there? See --api" in capsys.readouterr().err


def test_another_key_opens_nothing(tmp_path: Path, capsys):
    with canned(tmp_path) as control:
        control.key_file.write_text("another")
        assert control.run("list") == 1
        assert "whose key" in capsys.readouterr().err


def test_a_key_that_others_can_read_is_not_used(tmp_path: Path, capsys):
    with canned(tmp_path) as control:
        control.key_file.chmod(0o644)
        assert control.run("list") == 2
        assert "0600" in capsys.readouterr().err
        assert control.asked == []
        control.key_file.unlink()
        assert control.run("list") == 2
