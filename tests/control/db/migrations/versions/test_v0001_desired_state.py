"""The tables of schema "1", as the first release made them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from sqlalchemy import inspect

from control.db.database import MIGRATIONS, open_database
from control.db.migrations.versions import v0001_desired_state
from system.database.engine import DatabaseAddress
from system.database.migrations import migrate


async def test_its_tables(tmp_path: Path) -> None:
    database = open_database(DatabaseAddress(tmp_path / "c.sqlite3"))
    async with database.writing.begin() as connection:
        await migrate(connection, replace(MIGRATIONS, head=v0001_desired_state.revision))
        tables = await connection.run_sync(lambda sync: set(inspect(sync).get_table_names()))
    assert tables == {"alembic_version", "cursors", "edges", "facts", "resources", "revisions"}
    await database.engine.dispose()
