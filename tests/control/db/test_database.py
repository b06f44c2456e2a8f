"""Which database a setting names, and how it is spoken to."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import event, text
from sqlalchemy.exc import OperationalError

from control.db.database import database_of, postgresql, sqlite
from kernel.errors import BadSettings
from tests.postgresql import PASSWORD


def test_without_a_setting_it_is_a_file_of_the_data_folder(tmp_path: Path) -> None:
    assert database_of(None, tmp_path).name == str(tmp_path / "control.sqlite3")
    assert database_of("other.sqlite3", tmp_path).name == "other.sqlite3"
    assert database_of(None, tmp_path).listen is None


def test_a_server_is_named_without_who_calls_it(tmp_path: Path) -> None:
    found = database_of("postgresql://control@db.example:5433/fleet?sslmode=verify-full", tmp_path)
    assert found.name == "postgresql://db.example:5433/fleet"
    assert found.listen is not None


@pytest.mark.parametrize(
    ("setting", "told"),
    [
        ("mysql://host/name", "mysql:// is not known"),
        ("postgresql://me:secret@host/name", "holds a password"),
        ("postgresql://host/name?password=secret", "holds a password"),
        ("postgresql://host", "names no database"),
        ("postgresql://host:x/name", "no URL"),
    ],
)
def test_what_cannot_be_used_is_refused_and_a_password_is_not_repeated(tmp_path: Path, setting: str, told: str) -> None:
    with pytest.raises(BadSettings, match=told) as caught:
        database_of(setting, tmp_path)
    assert caught.value.setting == "database"
    assert "secret" not in str(caught.value)


def test_a_password_file_is_read_and_what_is_wrong_with_it_told(tmp_path: Path) -> None:
    url, file = "postgresql://me@host/name", tmp_path / "password"
    with pytest.raises(BadSettings, match="cannot be read"):
        database_of(url, tmp_path, file)
    file.write_text(" \n")
    with pytest.raises(BadSettings, match="must hold one password"):
        database_of(url, tmp_path, file)
    file.write_text("secret\n")
    assert database_of(url, tmp_path, file).name == "postgresql://host/name"
    with pytest.raises(BadSettings, match="is for a postgresql"):
        database_of(None, tmp_path, file)


async def test_the_password_of_the_file_opens_the_database(postgresql_url: str, tmp_path: Path) -> None:
    (tmp_path / "password").write_text(PASSWORD + "\n")
    right = database_of(postgresql_url, tmp_path, tmp_path / "password")
    async with right.engine.connect() as connection:
        assert (await connection.execute(text("SELECT 1"))).scalar() == 1
    await right.engine.dispose()
    wrong = postgresql(postgresql_url, "wrong")
    with pytest.raises(wrong.failures) as caught:
        async with wrong.engine.connect():
            pass
    assert "password authentication failed" in wrong.cause(caught.value)


async def test_a_file_is_written_durably_and_by_one_at_a_time(tmp_path: Path) -> None:
    one = sqlite(tmp_path / "c.sqlite3")
    async with one.writing.begin() as connection:
        assert (await connection.execute(text("PRAGMA synchronous"))).scalar() == 2
        assert (await connection.execute(text("PRAGMA journal_mode"))).scalar() == "wal"
        await connection.execute(text("CREATE TABLE t (n)"))
        other = sqlite(tmp_path / "c.sqlite3")
        event.listen(other.engine.sync_engine, "connect", lambda made, _: made.execute("PRAGMA busy_timeout=0"))
        with pytest.raises(OperationalError, match="locked"):
            async with other.writing.begin():
                raise AssertionError("two write at once")
        await other.engine.dispose()
    await one.engine.dispose()


async def test_one_moment_is_seen_while_others_write(make_database) -> None:
    one, other = make_database(), make_database()
    async with one.writing.begin() as connection:
        await connection.execute(text("CREATE TABLE seen (n INTEGER)"))
    async with one.reading.begin() as reader:
        assert (await reader.execute(text("SELECT COUNT(*) FROM seen"))).scalar() == 0
        async with other.writing.begin() as writer:
            await writer.execute(text("INSERT INTO seen VALUES (1)"))
        assert (await reader.execute(text("SELECT COUNT(*) FROM seen"))).scalar() == 0
    await one.engine.dispose()
    await other.engine.dispose()
