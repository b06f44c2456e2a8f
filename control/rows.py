"""Reading the tables at start, and keeping them from growing for ever."""

from __future__ import annotations

from uuid import uuid4

from sqlalchemy import delete, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from control.desired import LOG_KEPT, Shelf
from control.schema import SCHEMA, facts, resources
from kernel.errors import StorageFailed
from kernel.fleet import TYPES, Resource


def floor_of(kind: str) -> str:
    """Name of the fact that says up to which revision removals of a type are forgotten."""
    return f"floor-{kind}"


async def check_schema(connection: AsyncConnection) -> None:
    """Write down schema and epoch in a new database; StorageFailed when another release made it."""
    known = {row.name: row.value for row in await connection.execute(select(facts))}
    if not known:
        made = [{"name": "schema", "value": SCHEMA}, {"name": "epoch", "value": uuid4().hex}]
        await connection.execute(insert(facts), made)
    elif known.get("schema") != SCHEMA:
        raise StorageFailed(f"made by another release (schema {known.get('schema')}, this one has {SCHEMA})")


async def forget_removed(connection: AsyncConnection, kept: int = LOG_KEPT) -> None:
    """Forget all but the latest `kept` removals of each type; edges that far behind get a snapshot."""
    for kind in TYPES:
        removed = (resources.c.type == kind) & resources.c.content.is_(None)
        newest_first = select(resources.c.number).where(removed).order_by(resources.c.number.desc())
        last = (await connection.execute(newest_first.offset(kept).limit(1))).scalar()
        if last is None:
            continue
        await connection.execute(delete(resources).where(removed & (resources.c.number <= last)))
        await connection.execute(delete(facts).where(facts.c.name == floor_of(kind)))
        await connection.execute(insert(facts).values(name=floor_of(kind), value=str(last)))


async def read_shelf(connection: AsyncConnection, kind: str, floor: int) -> Shelf:
    """A type's resources, with the touches after `floor` that are still known."""
    query = select(resources).where(resources.c.type == kind).order_by(resources.c.number, resources.c.name)
    rows = (await connection.execute(query)).all()
    held = {row.name: Resource(row.name, row.number, row.content) for row in rows if row.content is not None}
    log = tuple((row.number, row.name) for row in rows)
    dropped, kept = log[:-LOG_KEPT], log[-LOG_KEPT:]
    number = max(floor, log[-1][0] if log else 0)
    return Shelf(number, held, kept, max(floor, dropped[-1][0] if dropped else 0))
