"""The address that the settings name, and the connections of both engines."""

from dataclasses import replace

import pytest
from sqlalchemy import event, text
from sqlalchemy.exc import OperationalError

from kernel.errors import BadSettings
from system.database.engine import DatabaseAddress, open_engine, read_address


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


def test_address_without_a_url_is_a_file(tmp_path):
    assert read_address(None, tmp_path / "x.sqlite3") == DatabaseAddress(tmp_path / "x.sqlite3")
    assert read_address("other.sqlite3", tmp_path / "x.sqlite3").name == "other.sqlite3"


def test_name_of_a_server_omits_user_and_options(tmp_path):
    address = read_address("postgresql://control@db.example:5433/fleet?sslmode=verify-full", tmp_path)
    assert address.name == "postgresql://db.example:5433/fleet"


def test_empty_password_file_is_refused(tmp_path):
    (tmp_path / "password").write_text(" \n")
    with pytest.raises(BadSettings, match="must hold one password"):
        read_address("postgresql://h/n", tmp_path, tmp_path / "password")


async def test_password_authenticates(empty_postgresql):
    right = open_engine(empty_postgresql, "tests")
    async with right.engine.connect() as connection:
        assert (await connection.execute(text("SELECT 1"))).scalar() == 1
    await right.engine.dispose()
    wrong = open_engine(replace(empty_postgresql, password="wrong"), "tests")
    with pytest.raises(wrong.failures) as caught:
        async with wrong.engine.connect():
            pass
    assert "password authentication failed" in wrong.cause(caught.value)


async def test_sqlite_commits_durably_and_locks_out_a_second_writer(tmp_path):
    first, second = (open_engine(DatabaseAddress(tmp_path / "x.sqlite3"), "tests") for _ in range(2))
    async with first.writing.begin() as connection:
        assert (await connection.execute(text("PRAGMA synchronous"))).scalar() == 2
        assert (await connection.execute(text("PRAGMA journal_mode"))).scalar() == "wal"
        await connection.execute(text("CREATE TABLE t (n)"))
        event.listen(second.engine.sync_engine, "connect", lambda made, _: made.execute("PRAGMA busy_timeout=0"))
        with pytest.raises(OperationalError, match="locked"):
            async with second.writing.begin():
                raise AssertionError("two writers at once")
    for engine in (first, second):
        await engine.engine.dispose()
