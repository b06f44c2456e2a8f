"""Which database the settings name."""

import pytest

from kernel.errors import BadSettings
from system.database.engine import read_address


@pytest.mark.parametrize(
    ("setting", "why"),
    [
        ("mysql://host/name", "mysql:// is not known"),
        ("postgresql://host", "names no database"),
        ("postgresql://me:secret@host/name", "holds a password"),
        ("postgresql://host/name?password=secret", "holds a password"),
        ("postgresql://host:many/name", "is no URL"),
    ],
)
def test_addresses_that_cannot_be_are_refused(setting, why, tmp_path):
    with pytest.raises(BadSettings, match=why) as refused:
        read_address(setting, tmp_path / "x.sqlite3")
    assert "secret" not in str(refused.value)


def test_a_password_file_belongs_to_a_server(tmp_path):
    (tmp_path / "password").write_text("hunter2\n")
    assert read_address("postgresql://h/n", tmp_path, tmp_path / "password").password == "hunter2"
    with pytest.raises(BadSettings, match="is for a postgresql"):
        read_address(None, tmp_path / "x.sqlite3", tmp_path / "password")
    with pytest.raises(BadSettings, match="cannot be read"):
        read_address("postgresql://h/n", tmp_path, tmp_path / "absent")
