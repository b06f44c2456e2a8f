"""Tables of older and newer releases, and processes that start at once."""

import asyncio

import pytest
from sqlalchemy import func, select, text

from kernel.errors import StorageFailed
from tests.system.database.conftest import FIRST, SECOND, numbers


async def count(database):
    async with database.read() as connection:
        return (await connection.execute(select(func.count()).select_from(numbers))).scalar_one()


async def test_an_older_database_is_brought_up_to_date_with_its_rows(open_database, history):
    older = await open_database(history(FIRST))
    async with older.write() as connection:
        await connection.execute(text("INSERT INTO numbers (n) VALUES (7)"))
    await older.close()
    newer = await open_database(history(FIRST, SECOND))
    async with newer.read() as connection:
        assert (await connection.execute(select(numbers))).all() == [(7, 2)]


async def test_tables_from_before_revisions_were_recorded_are_adopted(open_database, history):
    older = await open_database(history(FIRST))
    async with older.write() as connection:
        await connection.execute(text("DROP TABLE alembic_version"))
    await older.close()
    newer = await open_database(history(FIRST, SECOND, baseline=lambda _: "0001"))
    assert await count(newer) == 0


async def test_a_database_of_a_newer_release_is_left_alone(open_database, history, tmp_path):
    await open_database(history(FIRST, SECOND))
    (tmp_path / "migrations" / "versions" / "v0002.py").unlink()
    with pytest.raises(StorageFailed, match=r"newer release.*0002.*0001"):
        await open_database(history(FIRST))


async def test_processes_that_start_at_once_migrate_once(open_database, history):
    migrations = history(FIRST, SECOND)
    opened = await asyncio.gather(*(open_database(migrations) for _ in range(4)))
    assert await count(opened[-1]) == 0
