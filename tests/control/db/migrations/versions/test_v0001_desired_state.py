"""The tables of schema "1", as the first release made them."""

from __future__ import annotations

import pytest
from sqlalchemy import inspect

import control.db.migrate
from control.db.database import sqlite
from control.db.migrate import migrate
from control.db.migrations.versions import v0001_desired_state


async def test_its_tables(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    database = sqlite(tmp_path / "c.sqlite3")
    monkeypatch.setattr(control.db.migrate, "HEAD", v0001_desired_state.revision)
    async with database.writing.begin() as connection:
        await migrate(connection)
        tables = await connection.run_sync(lambda sync: set(inspect(sync).get_table_names()))
    assert tables == {"alembic_version", "cursors", "edges", "facts", "resources", "revisions"}
    await database.engine.dispose()
