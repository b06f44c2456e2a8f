"""`matinee edge reload`: what it prints, and the exit code."""

import pytest

from kernel.settings.table import Address
from tools.edge_reload import ReloadSettings, report, run


def test_every_part_in_force(capsys):
    assert report({"reloaded": ["log", "rules"], "failed": {}}) == 0
    assert capsys.readouterr().out == "log: in force\nrules: in force\n"


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        ({"reloaded": ["log"], "failed": {"rules": "no JSON"}}, "rules: failed: no JSON"),
        ({"status": 401, "detail": "a key is needed"}, "a key is needed"),
    ],
)
def test_what_failed_is_named(answer, says, capsys):
    assert report(answer) == 1
    assert says in capsys.readouterr().err


def test_a_node_that_is_not_there(capsys):
    assert run(ReloadSettings(admin=Address("127.0.0.1", 1), admin_keys=None)) == 1
    assert "127.0.0.1:1" in capsys.readouterr().err
