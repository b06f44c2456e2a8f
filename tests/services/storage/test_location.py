"""Where services keep their tables, and the passwords of their servers."""

from types import SimpleNamespace

import pytest

from kernel.errors import BadSettings
from services.storage.location import locate_database, read_password


def test_each_service_has_a_file_of_its_own_and_no_file_can_be_shared(tmp_path):
    settings = SimpleNamespace(data=tmp_path, database=None, database_password_file=None)
    assert locate_database(settings, "playback").path == tmp_path / "playback.sqlite3"
    settings.database = str(tmp_path / "all.sqlite3")
    with pytest.raises(BadSettings, match="postgresql"):
        locate_database(settings, "playback")


def test_a_password_is_read_from_its_file(tmp_path):
    file = tmp_path / "password"
    file.write_text("secret\n")
    assert read_password("valkey_password_file", file) == "secret"
    assert read_password("valkey_password_file", None) is None
    for content in ("", "x" * 1_001):
        file.write_text(content)
        with pytest.raises(BadSettings, match="one password"):
            read_password("valkey_password_file", file)
    with pytest.raises(BadSettings, match="cannot be read"):
        read_password("valkey_password_file", tmp_path / "none")
