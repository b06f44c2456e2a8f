"""`matinee fleet diff|rollback|audit`."""

from pathlib import Path

import pytest

from tests.tools.fleet_ground import canned

CHANGE = {"kind": "rules", "name": "title/film", "before": {"allow": ["DE"]}, "after": {"allow": ["FR"]}}


@pytest.mark.parametrize(
    ("flags", "query"),
    [
        ([], ""),
        (["--until", "7"], "?from=6&to=7"),
        (["--since", "3"], "?from=3"),
        (["--since", "0", "--until", "2"], "?from=0&to=2"),
    ],
)
def test_what_changed_is_shown_from_what_to_what(tmp_path: Path, capsys, flags: list[str], query: str):
    with canned(tmp_path) as control:
        control.answers["GET /v1/diff"] = {"from": 6, "to": 7, "changes": [CHANGE]}
        assert control.run("diff", *flags) == 0
        assert control.asked == [("GET", f"/v1/diff{query}", None)]
    out = capsys.readouterr().out
    assert out.index("DE") < out.index("FR")


def test_a_revision_is_taken_back(tmp_path: Path, capsys):
    with canned(tmp_path) as control:
        control.answers["POST /v1/revisions/7/rollback"] = {"rolledBack": 7, "revision": 8}
        assert control.run("rollback", "7", "--reason", "wrong") == 0
        assert "rolled back revision 7 with revision 8" in capsys.readouterr().out
        control.answers["POST /v1/revisions/7/rollback"] = {"rolledBack": 7, "revision": None}
        assert control.run("rollback", "7") == 0
        assert "nothing to change" in capsys.readouterr().out


@pytest.mark.parametrize(("broken", "code"), [(None, 0), (3, 1)])
def test_the_log_says_whether_it_holds(tmp_path: Path, capsys, broken: int | None, code: int):
    row = {"seq": 3, "at": "2026-11-22T20:00:00+00:00", "actor": "anna", "action": "node.drain"}
    row |= {"peer": "192.0.2.1", "target": "e1", "reason": "disk"}
    with canned(tmp_path) as control:
        control.answers["GET /v1/audit"] = {"audit": [row], "next": None, "broken": broken}
        assert control.run("audit") == code
    out = capsys.readouterr().out
    assert "anna" in out
    assert ("was altered" in out) is (broken is not None)


@pytest.mark.parametrize(("flags", "query"), [([], ""), (["--after", "7"], "?after=7")])
def test_the_whole_log_is_verified_and_the_exit_code_says_it(tmp_path: Path, capsys, flags: list[str], query: str):
    said = {"holds": True, "rows": 9, "first": 1, "last": 9, "broken": [], "more": False}
    with canned(tmp_path) as control:
        control.answers["GET /v1/audit/verify"] = said
        assert control.run("audit", "--verify", *flags) == 0
        assert control.asked == [("GET", f"/v1/audit/verify{query}", None)]
        assert "9 rows" in capsys.readouterr().out
        broken = {"holds": False, "broken": [{"seq": 3, "why": "row 3 is missing"}]}
        control.answers["GET /v1/audit/verify"] = said | broken
        assert control.run("audit", "--verify", *flags) == 1
        assert "row 3: row 3 is missing" in capsys.readouterr().out
