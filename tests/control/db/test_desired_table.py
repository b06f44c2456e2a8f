"""The tables are read whole or from where a replica stands, and do not grow for ever."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from sqlalchemy import func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

import control.db.desired_table
from control.db.database import MIGRATIONS
from control.db.desired_table import delete_old, delete_removals, floor_of, read_resource_set, read_state
from control.db.schema import details, facts, heads, leases, resources, revisions, shared, tokens
from control.db.transaction import upsert
from kernel.fleet.messages import RULES
from system.database.migrations import migrate


@pytest.fixture
async def connection(make_database) -> AsyncIterator[AsyncConnection]:
    database = make_database()
    async with database.writing.begin() as made:
        await migrate(made, MIGRATIONS)
        yield made
    await database.engine.dispose()


def row(number: int, content: bytes | None = None, name: str = "") -> dict[str, object]:
    return {"type": RULES, "name": name or f"title/{number}", "number": number, "content": content}


async def at(connection: AsyncConnection, revision: int) -> None:
    await connection.execute(update(heads).where(heads.c.kind == "revision").values(number=revision))


async def test_old_removals_are_forgotten_and_the_floor_is_remembered(connection: AsyncConnection) -> None:
    await connection.execute(insert(resources), [row(n, b"{}" if n == 3 else None) for n in range(1, 9)])
    await delete_removals(connection, kept=2)
    known = {row.name: row.value for row in await connection.execute(facts.select())}
    shelf = await read_resource_set(connection, RULES, int(known[floor_of(RULES)]))
    assert shelf.number == 8
    assert shelf.floor == 6
    assert set(shelf.resources) == {"title/3"}
    assert shelf.touched_after(5) is None
    assert shelf.touched_after(6) == {"title/7", "title/8"}
    await delete_removals(connection, kept=2)  # and again changes nothing
    assert await read_resource_set(connection, RULES, 6) == shelf


async def test_one_who_is_behind_reads_what_is_newer_and_ends_as_one_who_reads_it_all(connection) -> None:
    await connection.execute(insert(resources), [row(1, b"{}"), row(2, b"{}"), row(3, b"{}")])
    await at(connection, 3)
    behind = await read_state(connection)
    assert await read_state(connection, behind) is behind
    await upsert(connection, resources, [row(4, b"[]", "title/1"), row(5, None, "title/2"), row(6, b"{}")])
    await at(connection, 6)
    caught_up, anew = await read_state(connection, behind), await read_state(connection)
    assert caught_up.desired.resource_sets[RULES].resources == anew.desired.resource_sets[RULES].resources
    assert caught_up.desired.version(RULES) == anew.desired.version(RULES)
    assert caught_up.desired.resource_sets[RULES].touched_after(3) == {"title/1", "title/2", "title/6"}
    assert (
        caught_up.desired.resource_sets[RULES].resources["title/3"]
        is behind.desired.resource_sets[RULES].resources["title/3"]
    )


async def test_one_who_missed_removals_that_are_forgotten_reads_it_all(connection) -> None:
    await connection.execute(insert(resources), [row(1, b"{}"), row(2, b"{}")])
    await at(connection, 2)
    behind = await read_state(connection)
    await upsert(connection, resources, [row(3, None, "title/1"), row(4, None, "title/2"), row(5, b"{}")])
    await at(connection, 5)
    await delete_removals(connection, kept=0)
    assert set((await read_state(connection, behind)).desired.resource_sets[RULES].resources) == {"title/5"}


async def test_another_epoch_is_read_whole(connection) -> None:
    held = await read_state(connection)
    await connection.execute(update(facts).where(facts.c.name == "epoch").values(value="another"))
    assert (await read_state(connection, held)).desired.epoch == "another"


async def test_what_nobody_asks_for_any_more_is_forgotten(connection, monkeypatch) -> None:
    monkeypatch.setattr(control.db.desired_table, "MAX_DETAILS", 2)
    monkeypatch.setattr(control.db.desired_table, "MAX_REVISIONS", 3)
    now = 1_800_000_000.0
    revision = {"author": "a", "reason": "", "touched": "{}"}
    await connection.execute(insert(revisions), [revision | {"number": n, "at": now} for n in range(1, 6)])
    await connection.execute(
        insert(details), [{"number": n, "at": now - (n == 5) * 1e9, "content": b""} for n in range(1, 6)]
    )
    token = {"id": "e", "role": "edge", "region": "", "author": "a", "at": now}
    await connection.execute(
        insert(tokens), [token | {"hash": "old", "expires": now - 1e7}, token | {"hash": "new", "expires": now - 10}]
    )
    said = {"replica": "r", "content": b""}
    await connection.execute(insert(shared), [said | {"name": "old", "at": now - 1e5}, said | {"name": "n", "at": now}])
    await connection.execute(insert(leases).values(name="l", holder="r", until=now - 1e6))
    await delete_old(connection, now)
    for table, left in ((revisions, 3), (details, 1), (tokens, 1), (shared, 1), (leases, 0)):
        assert (await connection.execute(select(func.count()).select_from(table))).scalar() == left, table.name
