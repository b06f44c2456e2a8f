"""The tables are read at start and do not grow for ever."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import insert, update
from sqlalchemy.ext.asyncio import create_async_engine

from control.rows import check_schema, floor_of, forget_removed, read_shelf
from control.schema import facts, metadata, resources
from kernel.errors import StorageFailed
from kernel.fleet import RULES


async def test_old_removals_are_forgotten_and_the_floor_is_remembered(tmp_path: Path) -> None:
    engine = create_async_engine(f"sqlite+aiosqlite:///{tmp_path / 'c.sqlite3'}")
    async with engine.begin() as connection:
        await connection.run_sync(metadata.create_all)
        rows = [
            {"type": RULES, "name": f"title/{n}", "number": n, "content": b"{}" if n == 3 else None}
            for n in range(1, 9)
        ]
        await connection.execute(insert(resources), rows)
        await forget_removed(connection, kept=2)
        known = {row.name: row.value for row in await connection.execute(facts.select())}
        shelf = await read_shelf(connection, RULES, int(known[floor_of(RULES)]))
        assert shelf.number == 8
        assert shelf.floor == 6
        assert set(shelf.resources) == {"title/3"}
        assert shelf.touched_after(5) is None
        assert shelf.touched_after(6) == {"title/7", "title/8"}
        await forget_removed(connection, kept=2)  # and again changes nothing
        assert await read_shelf(connection, RULES, 6) == shelf
    await engine.dispose()


async def test_a_database_of_another_release_is_refused(tmp_path: Path) -> None:
    engine = create_async_engine(f"sqlite+aiosqlite:///{tmp_path / 'c.sqlite3'}")
    async with engine.begin() as connection:
        await connection.run_sync(metadata.create_all)
        await check_schema(connection)
        await check_schema(connection)
        await connection.execute(update(facts).where(facts.c.name == "schema").values(value="99"))
        with pytest.raises(StorageFailed, match="schema 99"):
            await check_schema(connection)
    await engine.dispose()
