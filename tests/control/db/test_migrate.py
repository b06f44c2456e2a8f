"""A database of any release so far becomes one of this release; one of a later release is left alone."""

from __future__ import annotations

import asyncio

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import inspect, text

import control.db.migrate
from control.db.migrate import FOLDER, HEAD, migrate
from control.db.schema import metadata
from control.db.store import Store
from kernel.errors import StorageFailed


async def test_the_migrations_make_the_tables_that_the_code_knows(make_database) -> None:
    database = make_database()
    async with database.writing.begin() as connection:
        await migrate(connection)
        await migrate(connection)  # and again changes nothing
        differences = await connection.run_sync(
            lambda sync: compare_metadata(MigrationContext.configure(sync, opts={"compare_type": True}), metadata)
        )
    assert not differences
    await database.engine.dispose()


def test_the_latest_version_is_the_one_named() -> None:
    assert ScriptDirectory(str(FOLDER)).get_heads() == [HEAD]


async def test_a_database_of_a_newer_release_is_refused_and_left_alone(make_database) -> None:
    store = await Store.open(make_database())
    async with store.database.writing.begin() as connection:
        await connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    await store.dispose()
    with pytest.raises(StorageFailed, match=r"newer release .*version 9999.*start the newer release"):
        await Store.open(make_database())


async def test_tables_of_nobody_are_refused(tmp_path, make_database) -> None:
    store = await Store.open(make_database())
    async with store.database.writing.begin() as connection:
        await connection.execute(text("DROP TABLE alembic_version"))
        await connection.execute(text("UPDATE facts SET value = '77' WHERE name = 'schema'"))
    await store.dispose()
    with pytest.raises(StorageFailed, match="schema '77'"):
        await Store.open(make_database())


async def test_a_migration_that_fails_leaves_the_database_as_it_was(make_database, monkeypatch) -> None:
    database = make_database()
    async with database.writing.begin() as connection:
        await connection.run_sync(drop_all)
        monkeypatch.setattr(control.db.migrate, "HEAD", "0001")
        await migrate(connection)
        await connection.execute(text("CREATE TABLE receipts (n INTEGER)"))  # in the way of the next
    monkeypatch.undo()
    with pytest.raises(database.failures, match="receipts"):
        async with database.writing.begin() as connection:
            await migrate(connection)
    async with database.writing.begin() as connection:
        tables = await connection.run_sync(lambda sync: set(inspect(sync).get_table_names()))
        assert "heads" not in tables
        await connection.execute(text("DROP TABLE receipts"))
        await migrate(connection)
    await database.engine.dispose()


async def test_replicas_that_start_together_over_an_empty_database_take_turns(make_database) -> None:
    database = make_database()
    async with database.writing.begin() as connection:
        await connection.run_sync(drop_all)
    await database.engine.dispose()
    stores = await asyncio.gather(*(Store.open(make_database()) for _ in range(3)))
    assert len({store.desired.epoch for store in stores}) == 1
    for store in stores:
        await store.dispose()


def drop_all(connection) -> None:
    for name in inspect(connection).get_table_names():
        connection.execute(text(f'DROP TABLE "{name}"'))
