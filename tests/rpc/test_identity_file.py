"""A node's identity on disk."""

from __future__ import annotations

from pathlib import Path

import pytest

from kernel.errors import StorageFailed
from kernel.fleet.identity import BadIdentity, load_key
from rpc.identity_file import Credentials, IdentityFile
from tests.certificates import credentials, fleet_authority

AUTHORITY = fleet_authority()
MADE = credentials(AUTHORITY)


def test_what_was_saved_is_loaded_and_nobody_else_may_read_it(tmp_path: Path) -> None:
    file = IdentityFile(tmp_path / "new")
    assert file.load() is None
    marked = Credentials.from_parts(MADE.key, MADE.chain, MADE.authority, "ab" * 32)
    file.save(marked)
    assert file.load() == marked
    assert file.path.stat().st_mode & 0o777 == 0o600
    assert [path.name for path in file.folder.iterdir()] == ["identity.pem"]


@pytest.mark.parametrize("cut", [0, 5, 40, 300, 700, -1])
def test_what_is_cut_short_or_not_ours_is_named(tmp_path: Path, cut: int) -> None:
    file = IdentityFile(tmp_path)
    file.save(MADE)
    file.path.write_bytes(file.path.read_bytes()[:cut] if cut != -1 else b"junk")
    with pytest.raises(BadIdentity, match=r"identity\.pem"):
        file.load()


def test_parts_must_belong_together() -> None:
    other = credentials(fleet_authority())
    with pytest.raises(BadIdentity, match="not one of the authority"):
        Credentials.from_parts(MADE.key, MADE.chain, other.authority)
    with pytest.raises(BadIdentity, match="do not match"):
        Credentials.from_parts(other.key, MADE.chain, MADE.authority)


def test_an_enrolment_under_way_has_one_key_until_it_is_settled(tmp_path: Path) -> None:
    file = IdentityFile(tmp_path / "new")
    first = file.pending_key()
    assert IdentityFile(tmp_path / "new").pending_key() == first
    (tmp_path / "new" / "identity.key").write_bytes(first[:20])  # as a crash of the disk might leave it
    second = file.pending_key()
    assert load_key(second) is not None
    assert second != first
    file.delete_pending_key()
    assert file.pending_key() != second
    file.delete_pending_key()
    file.delete_pending_key()


def test_a_folder_that_cannot_be_used_is_a_storage_failure(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file, not a folder")
    with pytest.raises(StorageFailed, match=r"identity\.pem cannot be written"):
        IdentityFile(tmp_path / "taken").save(MADE)
    (tmp_path / "identity.pem").mkdir()
    with pytest.raises(StorageFailed, match="cannot be read"):
        IdentityFile(tmp_path).load()
