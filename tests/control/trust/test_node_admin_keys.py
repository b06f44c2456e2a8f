"""The file of keys that control presents at nodes' admin ports."""

from __future__ import annotations

from pathlib import Path

import pytest

from control.trust.node_admin_keys import read_node_admin_keys
from kernel.errors import BadSettings

KEY = "k" * 16


def file_of(folder: Path, text: str, mode: int = 0o600) -> Path:
    path = folder / "node-admin-keys"
    path.write_text(text)
    path.chmod(mode)
    return path


def test_a_node_with_a_line_of_its_own_gets_that_key_only(tmp_path: Path) -> None:
    keys = read_node_admin_keys(file_of(tmp_path, f"# the fleet's\n{KEY}\n\ne5  {'n' * 20}\n"))
    assert keys.headers_for("e1") == {"Authorization": f"Bearer {KEY}"}
    assert keys.headers_for("e5") == {"Authorization": "Bearer " + "n" * 20}


def test_without_a_key_nothing_is_presented(tmp_path: Path) -> None:
    assert read_node_admin_keys(None).headers_for("e1") == {}
    assert read_node_admin_keys(file_of(tmp_path, f"e5 {KEY}")).headers_for("e1") == {}


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("tooshort", "line 1: must be KEY"),
        (f"\ne1 e2 {KEY}", "line 2: must be KEY"),
        (f"e1\t{KEY}\ne1 {KEY}", "line 2: a second key for e1"),
        (f"{KEY}\n{KEY}", "line 2: a second key for every node"),
        (f"not/an/id {KEY}", "cannot be a node's id"),
        ("caf\u00e9" * 8, "line 1"),
    ],
)
def test_a_bad_line_is_named_and_no_key_is_shown(tmp_path: Path, text: str, why: str) -> None:
    with pytest.raises(BadSettings, match=why) as caught:
        read_node_admin_keys(file_of(tmp_path, text))
    assert KEY not in str(caught.value)


def test_a_file_that_others_can_read_or_nobody_can_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadSettings, match="mode 0640"):
        read_node_admin_keys(file_of(tmp_path, KEY, 0o640))
    with pytest.raises(BadSettings, match=r"node_admin_keys.*cannot be read"):
        read_node_admin_keys(tmp_path / "missing")


def test_repr_hides_the_keys(tmp_path: Path) -> None:
    assert KEY not in repr(read_node_admin_keys(file_of(tmp_path, f"e5 {KEY}\n{KEY}x")))
