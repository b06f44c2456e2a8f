"""The file of audit keys."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from control.audit.key_file import open_keyring
from kernel.errors import BadSettings


def test_it_is_made_once_and_nobody_else_may_read_it(tmp_path: Path) -> None:
    path = tmp_path / "new" / "audit-key"
    made = open_keyring(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert open_keyring(path) == made
    assert [one.name for one in path.parent.iterdir()] == ["audit-key"]


def test_the_first_key_is_in_use_and_others_are_known(tmp_path: Path) -> None:
    path = tmp_path / "audit-key"
    old = open_keyring(path)
    path.write_text("n" * 40 + "\n" + path.read_text())
    both = open_keyring(path)
    assert both.current != old.current
    assert set(both.keys) == {both.current, old.current}


@pytest.mark.parametrize(
    ("content", "mode", "why"), [("k" * 40, 0o640, "0600"), ("short", 0o600, "32"), ("", 0o600, "no key")]
)
def test_what_is_no_key_file_is_refused(tmp_path: Path, content: str, mode: int, why: str) -> None:
    path = tmp_path / "audit-key"
    path.write_text(content)
    path.chmod(mode)
    with pytest.raises(BadSettings, match=why):
        open_keyring(path)


def test_a_place_where_nothing_can_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(BadSettings, match="audit_key_file"):
        open_keyring(tmp_path / "file" / "audit-key")
