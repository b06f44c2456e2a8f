"""Files that hold secrets."""

import pytest

from kernel.errors import BadSettings
from services.storage.secrets_file import read_or_create


def test_a_secret_is_made_once_and_for_its_owner_alone(tmp_path):
    path = tmp_path / "deep" / "key"
    assert read_or_create(path, lambda: b"one", "s") == b"one"
    assert read_or_create(path, lambda: b"two", "s") == b"one"
    assert path.stat().st_mode & 0o777 == 0o600
    assert [file.name for file in path.parent.iterdir()] == ["key"]


def test_what_another_process_made_meanwhile_stays(tmp_path):
    path = tmp_path / "key"

    def make():
        path.write_bytes(b"theirs")
        path.chmod(0o600)
        return b"ours"

    assert read_or_create(path, make, "s") == b"theirs"


def test_a_secret_that_others_may_read_or_that_is_empty_is_refused(tmp_path):
    path = tmp_path / "key"
    path.write_bytes(b"x")
    path.chmod(0o644)
    with pytest.raises(BadSettings, match="chmod 600"):
        read_or_create(path, bytes, "s")
    path.write_bytes(b" \n")
    path.chmod(0o600)
    with pytest.raises(BadSettings, match="empty"):
        read_or_create(path, bytes, "s")


def test_a_folder_that_cannot_be_made_is_told(tmp_path):
    (tmp_path / "file").write_bytes(b"x")
    with pytest.raises(BadSettings, match="cannot be read or created"):
        read_or_create(tmp_path / "file" / "key", lambda: b"x", "s")
