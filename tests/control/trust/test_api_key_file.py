"""The operators' API key."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from control.trust.api_key_file import read_or_make
from kernel.errors import BadSettings


def test_a_key_is_made_once_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "new" / "api-key"
    key = read_or_make(path)
    assert len(key) >= 40
    assert read_or_make(path) == key
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [found.name for found in path.parent.iterdir()] == ["api-key"]


def test_a_key_that_others_can_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "api-key"
    path.write_text("a long enough secret key")
    path.chmod(0o644)
    with pytest.raises(BadSettings, match="mode 0644"):
        read_or_make(path)


def test_a_key_that_is_too_short_is_refused_and_not_shown(tmp_path: Path) -> None:
    path = tmp_path / "api-key"
    path.write_text("hunter2\n")
    path.chmod(0o600)
    with pytest.raises(BadSettings, match="16 characters") as caught:
        read_or_make(path)
    assert "hunter2" not in str(caught.value)


def test_a_place_that_cannot_hold_a_key_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadSettings, match="cannot be read"):
        read_or_make(tmp_path)
    (tmp_path / "file").write_text("")
    with pytest.raises(BadSettings, match="api-key"):
        read_or_make(tmp_path / "file" / "api-key")
