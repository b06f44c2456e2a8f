"""Migrate a database of any earlier release; leave one of a later release alone."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import inspect, text

from control.db.database import MIGRATIONS
from control.db.schema import metadata
from control.db.store import Store
from kernel.errors import StorageFailed
from system.database.migrations import migrate


async def test_migrations_make_the_tables_of_the_schema(make_database) -> None:
    database = make_database()
    async with database.writing.begin() as connection:
        await migrate(connection, MIGRATIONS)
        await migrate(connection, MIGRATIONS)  # and again changes nothing
        differences = await connection.run_sync(
            lambda sync: compare_metadata(MigrationContext.configure(sync, opts={"compare_type": True}), metadata)
        )
    assert not differences
    await database.engine.dispose()


def test_head_is_the_latest_revision() -> None:
    assert ScriptDirectory(str(MIGRATIONS.folder)).get_heads() == [MIGRATIONS.head]


async def test_newer_database_is_refused(make_database) -> None:
    store = await Store.open(make_database())
    async with store.database.writing.begin() as connection:
        await connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    await store.dispose()
    with pytest.raises(StorageFailed, match=r"newer release .*version 9999.*start the newer release"):
        await Store.open(make_database())


async def test_unknown_schema_is_refused(make_database) -> None:
    store = await Store.open(make_database())
    async with store.database.writing.begin() as connection:
        await connection.execute(text("DROP TABLE alembic_version"))
        await connection.execute(text("UPDATE facts SET value = '77' WHERE name = 'schema'"))
    await store.dispose()
    with pytest.raises(StorageFailed, match="schema '77'"):
        await Store.open(make_database())


async def test_failed_migration_rolls_back(make_database) -> None:
    database = make_database()
    async with database.writing.begin() as connection:
        await connection.run_sync(drop_all)
        await migrate(connection, replace(MIGRATIONS, head="0001"))
        await connection.execute(text("CREATE TABLE receipts (n INTEGER)"))  # in the way of the next
    with pytest.raises(database.failures, match="receipts"):
        async with database.writing.begin() as connection:
            await migrate(connection, MIGRATIONS)
    async with database.writing.begin() as connection:
        tables = await connection.run_sync(lambda sync: set(inspect(sync).get_table_names()))
        assert "heads" not in tables
        await connection.execute(text("DROP TABLE receipts"))
        await migrate(connection, MIGRATIONS)
    await database.engine.dispose()


async def test_replicas_migrate_an_empty_database_once(make_database) -> None:
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
