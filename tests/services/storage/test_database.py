"""SQLite files: what a write promises, and files that are none."""

import pytest
from sqlalchemy import Column, Integer, MetaData, Table, func, insert, select

from kernel.errors import MatineeError, StorageFailed
from services.storage.database import Database

tables = MetaData()
rows = Table("rows", tables, Column("n", Integer))


@pytest.fixture
async def database(tmp_path):
    database = Database(tmp_path / "deep" / "x.sqlite3", tables)
    await database.open()
    yield database
    await database.close()


async def count(database):
    async with database.read() as connection:
        return (await connection.execute(select(func.count()).select_from(rows))).scalar_one()


async def test_what_was_written_is_read_and_flushed_fully(database):
    async with database.write() as connection:
        await connection.execute(insert(rows), {"n": 1})
        assert (await connection.exec_driver_sql("PRAGMA synchronous")).scalar_one() == 2
        assert (await connection.exec_driver_sql("PRAGMA journal_mode")).scalar_one() == "wal"
    assert await count(database) == 1


async def test_a_write_that_fails_is_undone(database):
    async def fail():
        async with database.write() as connection:
            await connection.execute(insert(rows), {"n": 1})
            raise RuntimeError("no")

    with pytest.raises(RuntimeError):
        await fail()
    assert await count(database) == 0


async def test_readers_do_not_wait_for_a_writer(database):
    async with database.write() as connection:
        await connection.execute(insert(rows), {"n": 1})
        assert await count(database) == 0


async def test_a_file_that_is_no_database_is_named(tmp_path):
    (tmp_path / "x.sqlite3").write_bytes(b"not a database at all" * 100)
    with pytest.raises(StorageFailed, match=r"x\.sqlite3"):
        await Database(tmp_path / "x.sqlite3", tables).open()


async def test_a_newer_file_is_left_alone(tmp_path):
    newer = Database(tmp_path / "x.sqlite3", tables, version=9)
    await newer.open()
    await newer.close()
    with pytest.raises(MatineeError, match="newer"):
        await Database(tmp_path / "x.sqlite3", tables).open()


async def test_a_closed_database_says_so(tmp_path):
    with pytest.raises(StorageFailed, match="not open"):
        await count(Database(tmp_path / "x.sqlite3", tables))
